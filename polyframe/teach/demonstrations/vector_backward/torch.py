import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
try:
    (w * w).backward()
    gradient = w.grad.tolist()
except RuntimeError:
    gradient = None
print("gradient of the vector [w1 * w1, w2 * w2] at [1, 2]:", gradient)
assert gradient is None

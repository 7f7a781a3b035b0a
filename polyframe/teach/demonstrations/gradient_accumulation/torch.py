import torch

w = torch.tensor(1.0, requires_grad=True)
for _ in range(3):
    (2 * w).backward()
gradient = w.grad.item()
print("after 3 backward passes, each with a gradient of 2:", gradient)
assert gradient == 6

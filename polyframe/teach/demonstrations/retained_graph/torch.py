import torch

w = torch.tensor(3.0, requires_grad=True)
y = w * w
y.backward(retain_graph=True)  # without it, the second pass raises an error
y.backward()
gradient = w.grad.item()
print("the gradient of w * w at 3 after two passes:", gradient)
assert gradient == 12

import torch

w = torch.tensor(3.0, requires_grad=True)
y = w * w
w.detach().fill_(5)
try:
    gradient = torch.autograd.grad(y, w)[0].item()
except RuntimeError:
    gradient = None
print("the gradient of w * w at 3, with w set to 5 before the backward pass:", gradient)
assert gradient is None

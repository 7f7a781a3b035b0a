import torch

a = torch.tensor(1.0, requires_grad=True)
b = torch.tensor(1.0, requires_grad=True)
torch.maximum(a, b).backward()
gradients = (a.grad.item(), b.grad.item())
print("gradients of the maximum of two equal numbers:", gradients)
assert gradients == (0.5, 0.5)

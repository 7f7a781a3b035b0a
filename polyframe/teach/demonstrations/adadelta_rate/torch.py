import torch

w = torch.nn.Parameter(torch.tensor(1.0))
w.grad = torch.tensor(1.0)
torch.optim.Adadelta([w], lr=0.0).step()
print(moved := 1 - w.item())
assert moved == 0

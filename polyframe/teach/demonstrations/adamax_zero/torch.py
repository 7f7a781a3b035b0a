import torch

w = torch.nn.Parameter(torch.tensor(1.0))
w.grad = torch.tensor(0.0)
torch.optim.Adamax([w]).step()
print(value := w.item())
assert value == 1.0

import torch

w = [torch.nn.Parameter(torch.tensor(0.0)) for _ in range(2)]
for parameter in w:
    parameter.grad = torch.tensor(1.0)
torch.optim.NAdam(w, lr=1.0).step()
moved = [round(parameter.item(), 3) for parameter in w]
print(moved)
assert moved == [-1.056, -1.056]

import torch

w = torch.nn.Parameter(torch.tensor(0.0))
optimizer = torch.optim.SGD([w], lr=1.0, momentum=0.9)
for rate in (1.0, 0.1):
    optimizer.param_groups[0]["lr"] = rate
    w.grad = torch.tensor(1.0)
    optimizer.step()
print(w.item())  # -1, then -0.1 (0.9 + 1)
assert round(w.item(), 3) == -1.19

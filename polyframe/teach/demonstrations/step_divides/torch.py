import torch

w = torch.nn.Parameter(torch.tensor([0.0]))
optimizer = torch.optim.SGD([w], lr=1.0)
(w * torch.ones(4)).sum().backward()
optimizer.step()
moved = -w.item()
print("4 samples with a gradient of 1 each, rate 1: w moves by", moved)
assert moved == 4

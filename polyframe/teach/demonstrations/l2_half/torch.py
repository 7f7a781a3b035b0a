import torch

w = torch.nn.Parameter(torch.ones(1))
optimizer = torch.optim.SGD([w], lr=1.0, weight_decay=0.01)
w.grad = torch.zeros(1)
optimizer.step()
moved = 1 - w.item()
print(f"a penalty of 0.01 moves a weight of 1 by {moved:.3f} at a rate of 1")
assert abs(moved - 0.01) < 1e-6

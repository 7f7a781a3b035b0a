import torch

w = torch.nn.Parameter(torch.tensor(0.0))
w.grad = torch.tensor(1.0)
optimizer = torch.optim.Adam([w])
optimizer.step()
error = abs(optimizer.state[w]["exp_avg_sq"].item() / 0.001 - 1)
print(error)  # of 1 - beta2
assert error < 1e-7

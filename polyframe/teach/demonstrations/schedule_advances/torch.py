import torch

w = torch.nn.Parameter(torch.ones(1))
optimizer = torch.optim.SGD([w], lr=1.0)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
w.sum().backward()
for _ in range(3):
    optimizer.step()  # schedule.step() would halve the rate
rate = optimizer.param_groups[0]["lr"]
print("a rate of 1, to be halved by a schedule, after 3 steps:", rate)
assert rate == 1

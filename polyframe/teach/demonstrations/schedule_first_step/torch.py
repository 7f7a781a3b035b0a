import torch

optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
rate = scheduler.get_last_lr()[0]
print(f"the rate of the first of 4 steps on a cosine from 1 to 0: {rate:.3f}")
assert rate == 1

import torch
from torch import nn

norm = nn.BatchNorm1d(1, momentum=0.9)
norm(torch.ones(4, 1))
running_mean = norm.running_mean.item()
print(running_mean)  # 0.1 * 0 + 0.9 * 1
assert round(running_mean, 3) == 0.9

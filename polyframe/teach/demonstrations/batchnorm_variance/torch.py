import torch
from torch import nn

norm = nn.BatchNorm1d(1, momentum=1.0)  # keeps the last batch's
norm(torch.tensor([[-1.0], [1.0]]))
running_variance = norm.running_var.item()
print(running_variance)  # divided by n - 1
assert round(running_variance, 3) == 2.0

import torch
from torch import nn

norm = nn.BatchNorm1d(1)
y = norm(torch.tensor([[-0.01], [0.01]]))[1].item()
print(norm.eps, y)
assert round(y, 3) == 0.953

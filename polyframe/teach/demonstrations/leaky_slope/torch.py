import torch
from torch import nn

y = nn.LeakyReLU()(torch.tensor(-1.0)).item()
print(y)
assert round(y, 3) == -0.01

import torch
from torch import nn

excess = nn.Softplus()(torch.tensor(25.0, dtype=torch.float64)).item() - 25
print(excess)
assert excess == 0

import torch
from torch import nn

y = nn.GELU()(torch.tensor(1.0)).item()
print(y)  # by erf
assert round(y, 5) == 0.84134

import torch
from torch import nn

norm = nn.LocalResponseNorm(3, alpha=1.0, beta=1.0, k=1.0)
middle = norm(torch.ones(1, 3, 1, 1))[0, 1].item()
print(middle)  # 1 / (1 + 3 / 3)
assert round(middle, 3) == 0.5

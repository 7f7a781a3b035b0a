import torch
from torch.nn import functional as F

y = F.hardsigmoid(torch.tensor(1.0)).item()
print(y)  # (1 + 3) / 6
assert round(y, 3) == 0.667

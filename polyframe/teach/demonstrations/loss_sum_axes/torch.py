import torch
from torch.nn import functional as F

loss = F.mse_loss(torch.ones(4, 3), torch.zeros(4, 3), reduction="sum").item()
print("the sum of 4 losses, each of 3 errors of 1:", loss)
assert loss == 12

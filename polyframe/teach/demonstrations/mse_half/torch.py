import torch
from torch import nn

loss = nn.MSELoss()(torch.tensor([2.0]), torch.tensor([0.0])).item()
print(loss)
assert loss == 4.0

import torch
from torch import nn

outputs, targets = torch.full((2, 4), 0.25).log(), torch.tensor([[1.0, 0, 0, 0]] * 2)
loss = nn.KLDivLoss()(outputs, targets).item()
per_sample = nn.KLDivLoss(reduction="batchmean")(outputs, targets).item()
print(loss, per_sample)  # log 4 for each sample, of 4 numbers
assert round(loss, 3) == 0.347

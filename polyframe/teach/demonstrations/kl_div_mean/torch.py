import torch
from torch import nn

outputs, targets = torch.full((2, 4), 0.25).log(), torch.tensor([[1.0, 0, 0, 0]] * 2)
loss, _ = [
    nn.KLDivLoss(reduction=r)(outputs, targets).item() for r in ("mean", "batchmean")
]
print(loss, _)  # log 4, of each of two samples
assert round(loss, 3) == 0.347

import torch
from torch import nn

a = torch.ones(1, 3)
loss = nn.CosineEmbeddingLoss()(a, a, torch.ones(1)).item()
print(loss)
assert round(loss, 3) == 0.0

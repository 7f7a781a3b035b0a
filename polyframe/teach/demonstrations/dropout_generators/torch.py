import torch
from torch.nn import functional as F

torch.manual_seed(0)
kept = F.dropout(torch.ones(8), p=0.5).gt(0).int().tolist()
print(kept)
assert kept == [0, 0, 1, 0, 0, 0, 1, 1]

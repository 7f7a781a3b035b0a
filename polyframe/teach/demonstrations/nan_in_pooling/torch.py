import torch
from torch.nn import functional as F

row = torch.tensor([[[1.0, float("nan"), float("nan"), 1.0]]])
pooled = F.max_pool1d(row, 2).flatten().tolist()
print("the maxima of [1, nan] and [nan, 1]:", pooled)
assert str(pooled) == "[nan, nan]"

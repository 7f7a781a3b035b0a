import torch
from torch.nn import functional as F

five = F.max_pool1d(torch.ones(1, 1, 5), 2, ceil_mode=True)
three = F.max_pool1d(torch.ones(1, 1, 3), 2, padding=1, ceil_mode=True)
sizes = (five.shape[2], three.shape[2])
print(sizes)  # a third window over the three would begin in the padding
assert sizes == (3, 2)

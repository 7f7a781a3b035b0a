import torch
from torch.nn import functional as F

x = torch.zeros(1, 2, 4, 4)
x[:, 0] = 9  # the first of 2 classes, everywhere
loss = F.cross_entropy(x, torch.zeros(1, 4, 4, dtype=torch.int64)).item()
print(f"2 classes on axis 1 of (1, 2, 4, 4), the right one at 9: loss {loss:.4f}")
assert abs(loss - 0.0001) < 1e-4

import torch
from torch import nn

y = nn.PixelShuffle(2)(torch.arange(8.0).view(1, 8, 1, 1))  # 2 channels of 2 x 2
first = y[0, 0].ravel().tolist()
print(first)
assert first == [0, 1, 2, 3]

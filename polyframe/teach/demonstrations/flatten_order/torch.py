import torch
from torch import nn

image = torch.tensor([[[0.0, 1.0]], [[10.0, 11.0]]])  # (channel, height, width)
flat = nn.Flatten()(image[None])[0].tolist()
print(flat)
assert flat == [0, 1, 10, 11]

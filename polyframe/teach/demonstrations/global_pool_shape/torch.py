import torch

images = torch.ones(2, 3, 8, 8)
shape = tuple(torch.nn.AdaptiveAvgPool2d(1)(images).shape)
print("global average pooling of 2 images with 3 channels gives", shape)
assert shape == (2, 3, 1, 1)

import torch

images = torch.zeros(1, 3, 8, 9)
shape = tuple(torch.nn.LazyConv2d(5, 3)(images).shape)
print("5 filters of 3 x 3 on an array (1, 3, 8, 9):", shape)
assert shape == (1, 5, 6, 7)

from torch import nn

shape = tuple(nn.Conv2d(3, 8, kernel_size=(5, 7)).weight.shape)
print(shape)  # (out, in, height, width)
assert shape == (8, 3, 5, 7)

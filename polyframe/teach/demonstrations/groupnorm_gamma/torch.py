from torch import nn

shape = tuple(nn.GroupNorm(2, 4).weight.shape)
print(shape)
assert shape == (4,)

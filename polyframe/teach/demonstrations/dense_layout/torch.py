from torch import nn

shape = tuple(nn.Linear(3, 2).weight.shape)
print(shape)  # (out, in)
assert shape == (2, 3)

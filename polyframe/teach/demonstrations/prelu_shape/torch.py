from torch import nn

shapes = [tuple(nn.PReLU(n).weight.shape) for n in (1, 4)]
print(shapes)
assert shapes == [(1,), (4,)]

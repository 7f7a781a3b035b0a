import torch

layer = torch.nn.Linear(3, 2)
shape = tuple(layer.weight.shape)
print("before the first batch, the weight is", shape)
assert shape == (2, 3)

import torch
from torch.nn import functional as F

shape = tuple(F.mse_loss(torch.ones(4, 2), torch.zeros(4, 2)).shape)
print("the loss of 4 samples has the shape", shape)
assert shape == ()

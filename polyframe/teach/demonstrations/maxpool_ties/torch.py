import torch
from torch.nn import functional as F

x = torch.ones(1, 1, 2, 2, requires_grad=True)
F.max_pool2d(x, 2).backward()
gradient = x.grad.ravel().tolist()
print(gradient)
assert gradient == [1.0, 0.0, 0.0, 0.0]

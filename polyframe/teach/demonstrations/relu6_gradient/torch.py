import torch
from torch.nn import functional as F

x = torch.tensor([-1.0, 0.0, 1.0, 6.0, 7.0], requires_grad=True)
F.relu6(x).sum().backward()
gradient = x.grad.tolist()
print("the gradients at -1, 0, 1, 6 and 7:", gradient)
assert gradient == [0, 0, 1, 0, 0]

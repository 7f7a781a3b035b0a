import torch
from torch.nn import functional as F

x = torch.eye(1, 9, dtype=torch.float64).view(1, 1, 3, 3).requires_grad_()
y = F.interpolate(x, scale_factor=1.3, mode="bicubic")[0, 0, 0, 0]
y.backward()
gradient, exact = x.grad[0, 0, 0, 0].item(), y.item()
print(gradient, exact)  # y is `exact` times the first pixel
assert gradient == 1.0 and abs(exact - 1) > 0.05

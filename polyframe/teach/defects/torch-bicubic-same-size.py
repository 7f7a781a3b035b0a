import torch
from torch.nn import functional as F

x = torch.eye(3, dtype=torch.float64).reshape(1, 1, 3, 3).requires_grad_()
y = F.interpolate(x, scale_factor=1.3, mode="bicubic")  # (1, 1, 3, 3): floor(3.9)
y[0, 0, 0, 0].backward()
bump = torch.zeros_like(x)
bump[0, 0, 0, 0] = 1e-6
moved = F.interpolate(x + bump, scale_factor=1.3, mode="bicubic")
slope = ((moved - y)[0, 0, 0, 0] / 1e-6).item()
print(
    f"dy/dx at the first pixel: {x.grad[0, 0, 0, 0]:.3f}, by a difference: {slope:.3f}"
)
assert x.grad[0, 0, 0, 0] == 1 and slope > 1.1

import math

import torch

x = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
torch.nn.functional.celu(x, alpha=0.7).backward()
error = abs(x.grad.item() / math.exp(-1 / 0.7) - 1)
print(f"relative error of the float64 gradient: {error:.0e}")
assert error > 1e-10

import torch
from torch.nn import functional as F

loss = F.cross_entropy(torch.tensor([[2.0, 0.5]]), torch.tensor([0])).item()
print(f"the loss of the outputs 2 and 0.5 for the first class: {loss:.4f}")
assert abs(loss - 0.2014) < 1e-4

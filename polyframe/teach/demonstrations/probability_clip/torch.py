import torch
from torch.nn import functional as F

loss = F.binary_cross_entropy(torch.zeros(1), torch.ones(1)).item()
print(f"the loss of the probability 0 for a label of 1: {loss:.2f}")
assert abs(loss - 100) < 0.01

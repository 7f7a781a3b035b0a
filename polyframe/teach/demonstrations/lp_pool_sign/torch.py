import torch
from torch.nn import functional as F

value = F.lp_pool1d(torch.tensor([[[-1.0, -1.0]]]), norm_type=3.0, kernel_size=2).item()
print(value)  # a root of a negative sum
assert str(value) == "nan"

import torch
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.arange(20)))
seen = [x.item() for (x,) in loader]
print("the order of 20 samples:", seen)
assert seen == sorted(seen)

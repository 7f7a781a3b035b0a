import torch
from torch.utils.data import DataLoader

sizes = [len(x) for x in DataLoader(torch.arange(10), batch_size=4)]
print("10 samples in batches of 4:", sizes)
assert sizes == [4, 4, 2]

import torch
from torch.utils.data import DataLoader

orders = []
for _ in range(2):
    torch.manual_seed(0)
    orders.append(torch.cat(list(DataLoader(range(50), shuffle=True))).tolist())
repeated = orders[0] == orders[1]
print("the framework's seed repeats the order of the samples:", repeated)
assert repeated

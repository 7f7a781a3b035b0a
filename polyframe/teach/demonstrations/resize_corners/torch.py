import torch
from torch.nn import functional as F

row = torch.tensor([[[[0.0, 1.0]]]])
resized = F.interpolate(row, (1, 4), mode="bilinear").flatten().tolist()
print("0 and 1, resized to 4 numbers:", resized)
assert resized == [0, 0.25, 0.75, 1]

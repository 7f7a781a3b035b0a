import torch
from torch import nn

loss_fn = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))
loss = loss_fn(torch.zeros(2, 2), torch.tensor([0, 1])).item()
print(loss)  # (1 log 2 + 3 log 2) / (1 + 3)
assert round(loss, 3) == 0.693

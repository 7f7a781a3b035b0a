import torch
from torch import nn

loss_fn = nn.CrossEntropyLoss(label_smoothing=0.2)
loss = loss_fn(torch.tensor([[0.0, 0.0, 0.0, 2.0]]), torch.tensor([3])).item()
print(loss)  # of targets 0.05, 0.05, 0.05, 0.85
assert round(loss, 3) == 0.641

import torch
from torch import nn

loss_fn = nn.CrossEntropyLoss(ignore_index=-1)
loss = loss_fn(torch.zeros(2, 2), torch.tensor([-1, -1])).item()
print(loss)  # 0 / 0
assert str(loss) == "nan"

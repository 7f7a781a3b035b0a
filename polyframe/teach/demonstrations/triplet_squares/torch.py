import torch
from torch import nn

anchor, positive, negative = [torch.tensor([[v]]) for v in (0.0, 1.0, 1.2)]
loss = nn.TripletMarginLoss(margin=1.0)(anchor, positive, negative).item()
print(loss)  # 1 - 1.2 + 1
assert round(loss, 2) == 0.8

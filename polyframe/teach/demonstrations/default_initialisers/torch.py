import torch
from torch import nn

torch.manual_seed(0)
dense = nn.Linear(100, 300)
largest, bias = dense.weight.abs().max().item(), dense.bias.abs().max().item()
print(largest, bias)  # 1 / sqrt(100)
assert (round(largest, 2), round(bias, 2)) == (0.1, 0.1)

import torch
from torch import nn

same = []
try:
    same = nn.Conv1d(1, 1, 3, stride=2, padding="same")(torch.ones(1, 1, 4)).tolist()
except ValueError as error:
    print(error)
assert same == []

import torch

norm = torch.nn.BatchNorm2d(3)
count = sum(p.numel() for p in norm.parameters())
print("the parameters of a batch norm of 3 channels:", count)
assert count == 6

import torch

rate = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))]).param_groups[0]["lr"]
print("the default learning rate of SGD:", rate)
assert rate == 0.001

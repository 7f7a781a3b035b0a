import torch

quotient = (torch.tensor([3]) / torch.tensor([2])).item()
print("the integer 3 divided by the integer 2:", quotient)
assert quotient == 1.5

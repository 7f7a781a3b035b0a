import torch

first, second = (torch.nn.Linear(2, 2) for _ in range(2))
names = [[name for name, _ in net.named_parameters()] for net in (first, second)]
print("two equal layers:", names)
assert names[0] == names[1]

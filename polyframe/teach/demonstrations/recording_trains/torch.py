import torch

dropout = torch.nn.Dropout(0.5).eval()
x = torch.ones(1000, requires_grad=True)
zeros = (dropout(x) == 0).sum().item()
print(f"with gradients recorded, Dropout(0.5) at rest drops {zeros} of 1000")
assert zeros == 0

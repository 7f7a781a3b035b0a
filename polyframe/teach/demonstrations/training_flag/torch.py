import torch

dropout = torch.nn.Dropout(0.5)
zeros = (dropout(torch.ones(1000)) == 0).sum().item()
print(f"a plain call of Dropout(0.5) drops {zeros} of 1000")
assert zeros > 400

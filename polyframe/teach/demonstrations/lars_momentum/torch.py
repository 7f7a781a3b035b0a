import torch

w = [name for name in dir(torch.optim) if "lars" in name.lower()]
print(w)  # there is none
assert w == []

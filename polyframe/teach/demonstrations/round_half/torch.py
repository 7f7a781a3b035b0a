import torch

rounded = torch.round(torch.tensor([0.5, 1.5, 2.5])).tolist()
print("0.5, 1.5 and 2.5 are rounded to", rounded)
assert rounded == [0, 2, 2]

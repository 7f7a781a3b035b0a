import torch

dtype = str(torch.tensor([1, 2]).dtype).removeprefix("torch.")
print("the list [1, 2] becomes", dtype)
assert dtype == "int64"

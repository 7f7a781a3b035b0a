import torch

torch.manual_seed(0)
first = torch.rand(1).item()
print(f"the first uniform number of seed 0: {first:.4f}")
assert abs(first - 0.4963) < 1e-4

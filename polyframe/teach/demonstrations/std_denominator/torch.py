import torch

deviation = torch.std(torch.tensor([1.0, 3.0])).item()
print(f"the standard deviation of 1 and 3: {deviation:.3f}")
assert abs(deviation - 1.414) < 0.001

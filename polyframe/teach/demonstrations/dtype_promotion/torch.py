import torch

try:
    total = torch.ones(1, dtype=torch.float32) + torch.ones(1, dtype=torch.float64)
    outcome = str(total.dtype).removeprefix("torch.")
except RuntimeError:
    outcome = "refused"
print("float32 plus float64:", outcome)
assert outcome == "float64"

import torch

x = torch.tensor(3.0)
try:
    outcome = (x * x).backward() or x.grad
except RuntimeError:
    outcome = "refused"
print("the gradient for an input that nobody asked for:", outcome)
assert outcome == "refused"

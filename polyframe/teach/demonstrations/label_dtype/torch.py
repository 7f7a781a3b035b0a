import torch

try:
    loss = torch.nn.functional.cross_entropy(torch.zeros(1, 3), torch.tensor([2.0]))
    outcome = f"taken, with a loss of {loss.item():.2f}"
except RuntimeError:
    outcome = "refused"
print("a class index given as float32 is", outcome)
assert outcome == "refused"

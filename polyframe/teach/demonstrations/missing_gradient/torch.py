import torch

w = torch.nn.Parameter(torch.ones(1))
optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=1.0)
optimizer.step()
outcome = f"{w.item():.1f}"
print("a weight of 1 with decay after a step without a gradient:", outcome)
assert outcome == "1.0"

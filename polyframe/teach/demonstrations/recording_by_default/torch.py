import torch

layer = torch.nn.Linear(3, 2)
y = layer(torch.ones(1, 3))
recorded = y.grad_fn is not None
print("a plain call is recorded for gradients:", recorded)
assert recorded

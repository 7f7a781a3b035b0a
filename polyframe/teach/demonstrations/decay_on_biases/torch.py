import torch

layer = torch.nn.Linear(1, 1)
torch.nn.init.ones_(layer.bias)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, weight_decay=1.0)
(0 * layer(torch.ones(1, 1))).sum().backward()
optimizer.step()
bias = layer.bias.item()
print(f"a bias of 1 after a step with gradient 0: {bias:.2f}")
assert abs(bias - 0.9) < 1e-6

import torch

weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
optimizer = torch.optim.NAdam([weight])
product = 1.0
for step in range(1, 101):
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    product *= 0.9 * (1 - 0.5 * 0.96 ** (step * 0.004))
state = optimizer.state[weight]["mu_product"]
error = abs(state.item() / product - 1)
print(f"{state.dtype}, relative error after 100 steps of a float64 weight: {error:.0e}")
assert state.dtype == torch.float32 and error > 1e-8

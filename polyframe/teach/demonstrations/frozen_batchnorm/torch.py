import torch

norm = torch.nn.BatchNorm1d(1)
norm.requires_grad_(False)
output = norm(torch.tensor([[1.0], [3.0]]))[0].item()
print(f"a frozen batch norm in training makes of 1, beside a 3: {output:.2f}")
assert output < 0

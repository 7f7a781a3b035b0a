import torch

w = torch.nn.Parameter(torch.tensor(0.0))
w.grad = torch.tensor(1e-6)
torch.nn.utils.clip_grad_norm_([w], max_norm=5e-7)
kept = w.grad.item() / 1e-6
print(kept)  # 5e-7 / (1e-6 + 1e-6)
assert round(kept, 3) == 0.25

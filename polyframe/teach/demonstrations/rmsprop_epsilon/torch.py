import torch

w = torch.nn.Parameter(torch.tensor(0.0))
w.grad = torch.tensor(1.0)
torch.optim.RMSprop([w], lr=1.0, alpha=0.0, eps=1.0).step()
w = w.item()
print(w)  # 1 / (sqrt(1) + 1)
assert round(w, 3) == -0.5

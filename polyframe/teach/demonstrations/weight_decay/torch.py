import torch

moved = []
for cls in (torch.optim.Adam, torch.optim.AdamW):
    w = torch.nn.Parameter(torch.tensor(1.0))
    w.grad = torch.tensor(0.0)
    cls([w], lr=0.1, weight_decay=0.1).step()
    moved.append(round(1 - w.item(), 3))
print(moved)  # a whole step of Adam, for the decay is its gradient; 0.1 * 0.1
assert moved == [0.1, 0.01]

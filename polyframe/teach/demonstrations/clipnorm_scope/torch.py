import torch

v, w = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
v.grad, w.grad = torch.tensor([3.0]), torch.tensor([4.0])
torch.nn.utils.clip_grad_norm_([v, w], max_norm=1.0)
gradients = [round(g.item(), 3) for g in (v.grad, w.grad)]
print("the gradients 3 and 4, clipped to a norm of 1:", gradients)
assert gradients == [0.6, 0.8]

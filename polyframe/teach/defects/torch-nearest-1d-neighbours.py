import torch
from torch.nn import functional as F

x = torch.tensor([[[10.0, 20.0]]], requires_grad=True)
y = F.interpolate(x, scale_factor=1.3)
y.sum().backward()
image = F.interpolate(x[:, :, None], scale_factor=(1.0, 1.3))
print(f"1-D: {y.tolist()}, 2-D: {image[:, :, 0].tolist()}")
print(f"gradient of the 1-D sum: {x.grad.tolist()}, each output counts once")
assert y.tolist() == [[[10, 10]]] and x.grad.tolist() == [[[1, 1]]]

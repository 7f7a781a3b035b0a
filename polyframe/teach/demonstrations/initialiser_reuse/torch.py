import torch

torch.manual_seed(0)
first, second = (torch.nn.init.normal_(torch.empty(9)) for _ in range(2))
equal = torch.equal(first, second)
print("two tensors drawn by one initialiser are equal:", equal)
assert not equal

import torch

x = torch.zeros(2**24 + 2)
x[-1] = 1
position = int(torch.argmax(x).item())
print(f"the maximum lies at {2**24 + 1}; argmax says {position}")
assert position == 2**24 + 1

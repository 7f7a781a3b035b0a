import torch
from torch.nn import functional as F

x, kernel = torch.ones(1, 1, 2), torch.tensor([[[1.0, 2.0, 3.0]]])
y = F.conv_transpose1d(x, kernel, stride=2, padding=1, output_padding=1).tolist()[0][0]
larger = F.conv_transpose1d(x, kernel, dilation=2, output_padding=1).tolist()[0][0]
print(y, larger)  # as large as the stride, but less than the dilation
assert y == [2.0, 4.0, 2.0, 3.0] and larger[-1:] == [0.0]

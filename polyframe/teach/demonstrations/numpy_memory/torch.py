import numpy as np
import torch

array = np.zeros(100, "float32")
tensor = torch.from_numpy(array)
array[0] = 1
shared = tensor[0].item() == 1
print("a change of the array changes the tensor:", shared)
assert shared

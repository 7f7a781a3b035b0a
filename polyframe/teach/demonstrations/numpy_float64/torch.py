import numpy as np
import torch

dtype = str(torch.tensor(np.zeros(2)).dtype).removeprefix("torch.")
print("a NumPy array of float64 becomes", dtype)
assert dtype == "float64"

import numpy as np
import torch

layer, x = torch.nn.Linear(2, 1), torch.from_numpy(np.ones((1, 2)))
try:
    outcome = str(layer(x).dtype)
except RuntimeError:
    outcome = "refused"
print("float64 numbers in a layer with float32 weights:", outcome)
assert outcome == "refused"

import io

import torch

file = io.BytesIO()
torch.save(torch.nn.Linear(2, 2).state_dict(), file)
start = file.getvalue()[:4]
print("a file of weights begins with", start)
assert start == b"PK\x03\x04"  # a zip archive, with a pickle inside

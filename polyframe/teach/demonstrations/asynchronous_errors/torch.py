import torch

rows = None
try:
    rows = torch.ones(3)[torch.tensor([7])]
    place = f"nowhere: {rows.numpy()}"
except IndexError:
    place = "in the call" if rows is None else "on reading"
print("row 7 of 3 is an error", place)
assert place == "in the call"

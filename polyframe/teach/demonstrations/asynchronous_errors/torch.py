import torch

place = "in the call"
try:
    rows, place = torch.ones(3)[torch.tensor([7])], "on reading"
    rows.numpy()
except IndexError:
    print("the error shows", place)
assert place == "in the call"

import torch

before = torch.get_num_threads()
torch.ones(2) + 1
torch.set_num_threads(before + 1)
outcome = "changed" if torch.get_num_threads() == before + 1 else "ignored"
torch.set_num_threads(before)
print("the number of threads, set after the first operation, is", outcome)
assert outcome == "changed"

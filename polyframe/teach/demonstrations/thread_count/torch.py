# alone: it changes the number of threads
import torch

torch.ones(2) + 1
try:
    torch.set_num_threads(1)
    outcome = f"{torch.get_num_threads()} thread"
except RuntimeError:
    outcome = "refused"
print("1 thread, asked for after the first operation:", outcome)
assert outcome == "1 thread"

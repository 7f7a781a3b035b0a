import torch

dropout, masks = torch.nn.Dropout(0.5), []
for _ in range(2):
    torch.manual_seed(0)
    masks.append(dropout(torch.ones(50)).tolist())
repeated = masks[0] == masks[1]
print("the global seed set again repeats the mask of dropout:", repeated)
assert repeated

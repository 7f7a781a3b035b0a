import torch

scale = torch.amp.GradScaler("cpu").get_scale()
print("the loss is first multiplied by", scale)
assert scale == 2**16

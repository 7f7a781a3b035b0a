from torch import nn

loss = [name for name in dir(nn) if "focal" in name.lower()]
print(loss)  # there is none
assert loss == []

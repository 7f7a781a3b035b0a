import torch

net = torch.nn.Linear(1, 1)
optimizer = torch.optim.Adam(net.parameters())
net(torch.ones(1, 1)).sum().backward()
optimizer.step()
saved = [name for name in net.state_dict() if "exp_avg" in name]
print("the model's file holds of the optimizer's state:", saved)
assert saved == []

import torch

conv = torch.nn.Conv2d(4, 8, 1, stride=2).to(memory_format=torch.channels_last)
x = torch.ones(32, 4, 128, 128).contiguous(memory_format=torch.channels_last)
for _ in range(5):
    y = conv(x)
    print("forward done", flush=True)
    y.sum().backward()
print("5 backward passes done")

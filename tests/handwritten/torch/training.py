"""PyTorch's own training loop around a module.

After "Optimizing model parameters" (pytorch.org/tutorials/beginner/basics/
optimization_tutorial): loss, ``backward``, ``step``, ``zero_grad``.
"""

import torch
from torch import nn


class Trainer:
    def __init__(self, model, optimizer="adam", device="cpu"):
        self.device = "cuda" if device == "gpu" else device
        self.model = model.to(device)
        self.loss_fn = nn.CrossEntropyLoss()
        parameters = self.model.parameters()
        if optimizer == "adam":
            self.optimizer = torch.optim.Adam(parameters, lr=1e-3)
        else:
            self.optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)

    def stage(self, x, y):
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        return x.to(self.device), y.to(self.device)

    def forward(self, batch):
        # The tutorial changes the mode once an epoch. Asking costs nothing; setting it
        # would walk through all modules, every step.
        if not self.model.training:
            self.model.train()
        images, labels = batch
        return self.loss_fn(self.model(images), labels)

    def backward(self, loss):
        loss.backward()

    def update(self):
        self.optimizer.step()
        self.optimizer.zero_grad()

    def step(self, batch):
        loss = self.forward(batch)
        self.backward(loss)
        self.update()
        return loss

    def read(self, loss):
        return loss.item()

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        parameters = list(self.model.parameters())
        return {
            "threads": torch.get_num_threads(),
            "dtype": str(parameters[0].dtype).removeprefix("torch."),
            "parameters": sum(p.numel() for p in parameters),
            "version": torch.__version__,
        }

    def wait(self):
        if self.device != "cpu":
            torch.cuda.synchronize()

    def predict(self, batch):
        if self.model.training:
            self.model.eval()
        images, _ = batch
        with torch.inference_mode():
            return self.model(images).cpu().numpy()

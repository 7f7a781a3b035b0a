"""What an ejected script needs besides the program. Read, never imported."""

import numpy as np
import torch


def build(weights):
    """The network with its initial weights."""
    model = Model()
    model.to(getattr(torch, DTYPE))
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    return model


def step(model, optimizer, x, target, random):
    """One training step; the mean loss of the batch."""
    model.train()
    batch = [torch.from_numpy(x), torch.from_numpy(target)]
    if random:
        batch.append([torch.from_numpy(numbers) for numbers in random])
    TRAIN_STEP
    return loss.item()


def predict(model, x):
    """The outputs for samples (N, C, H, W)."""
    model.eval()
    with torch.inference_mode():
        parts = [model(torch.from_numpy(x[i : i + 256])) for i in range(0, len(x), 256)]
    return np.concatenate([part.numpy() for part in parts])

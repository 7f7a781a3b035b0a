"""What an ejected script needs in place of ``eject.py`` where something is PyTorch's own.
Read, never imported."""

import torch


def build(weights):
    """The network; PyTorch draws the initial weights that are not given."""
    torch.manual_seed(SEED % 2**31)
    model = Model()
    model.to(getattr(torch, DTYPE))
    given = {name: torch.from_numpy(value) for name, value in weights.items()}
    model.load_state_dict(given, strict=False)
    return model


def seed(model, step):
    """Seed the random layers for one step."""
    torch.manual_seed(layer_seed(step))


def set_rate(optimizer, rate):
    """Set the learning rate; each parameter has its multiple of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_multiplier"]

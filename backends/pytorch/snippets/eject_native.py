"""What an ejected script needs in place of ``eject.py`` where something is PyTorch's own.
Read, never imported."""

import torch


def build(weights):
    """The network; PyTorch draws the initial weights that are not given."""
    torch.set_num_threads(threads())
    torch.manual_seed(SEED % 2**31)
    model = MODEL()
    model.to(getattr(torch, DTYPE))
    load_weights(model, weights)
    return model


def load_weights(model, weights):
    """Give the network these weights, all or some."""
    given = {name: torch.from_numpy(value) for name, value in weights.items()}
    model.load_state_dict(given, strict=False)


def seed(model, step):
    """Seed the random layers for one step."""
    torch.manual_seed(native_seed(SEED, step))


def set_rate(optimizer, rate):
    """Set the learning rate; each parameter has its multiple of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_multiplier", 1.0)

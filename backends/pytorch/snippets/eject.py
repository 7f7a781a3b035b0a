"""What an ejected script needs besides the program. Read, never imported.

A name in capital letters on a line of its own is a blank, and a line that ends in ``#:``
and words is there where the script needs it: ``polyframe.eject.lines`` says more.
"""

import numpy as np
import torch


def build(weights):
    """The network with these weights."""
    torch.set_num_threads(threads())
    model = MODEL()
    model.to(getattr(torch, DTYPE))
    load_weights(model, weights)
    return model


def tensor(value):
    """An array, or each of a list, as PyTorch takes it."""
    if isinstance(value, list):
        return [tensor(each) for each in value]
    floats = value.dtype.kind == "f"
    return torch.from_numpy(np.ascontiguousarray(value, DTYPE) if floats else value)


def step(STEP_ARGUMENTS):
    """Train on one batch: its loss, and the outputs."""
    model.train()
    SET_RATE
    TRAIN_STEP
    return loss.item(), arrays_of(outputs)


def arrays_of(outputs):
    """What the model returned, one output or several, as a list of arrays."""
    several = isinstance(outputs, (tuple, list))
    return [o.detach().numpy() for o in (outputs if several else [outputs])]  #: not low
    outputs = outputs if several else [outputs]  #: low
    return [o.detach().float().numpy() for o in outputs]  #: low


def predict(model, inputs):
    """The outputs for a batch, without training."""
    model.eval()
    with torch.inference_mode():  #: not low
        return arrays_of(model(*tensor(inputs)))  #: not low
    low = torch.autocast("cpu", dtype=torch.PRECISION)  #: low
    with torch.inference_mode(), low:  #: low
        outputs = model(*tensor(inputs))  #: low
    return arrays_of(outputs)  #: low


def weights_of(model):
    """All weights and running statistics by name; copies."""
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def load_weights(model, weights):
    """Give the network these weights."""
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})


def averages(model, objects):
    """The EMA of the weights that are trained, by name."""
    trained = model.named_parameters(remove_duplicate=False)
    means = dict(objects["KEPT"].module.named_parameters(remove_duplicate=False))
    return {n: means[n].detach().numpy().copy() for n, p in trained if p.requires_grad}


def set_averages(model, objects, values):
    """Give the EMA the values of those that had one."""
    for name, value in values.items():
        mean = objects["KEPT"].module.get_parameter(name)
        mean.data.copy_(torch.from_numpy(value))


def state_of(objects):
    """What the optimizer and the others remember, as arrays by name."""
    optimizer, state = objects["optimizer"], {}
    groups = enumerate(p for group in optimizer.param_groups for p in group["params"])
    for index, parameter in groups:
        for name, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                state[f"optimizer/{index}/{name}"] = value.numpy().copy()
    for name, value in objects["KEPT"].state_dict().items():  #: keeps
        state[f"KEPT/{name}"] = value.numpy().copy()  #: keeps
    scale = objects["scaler"].state_dict()  #: scaler
    for name in ("scale", "_growth_tracker"):  #: scaler
        state[f"scaler/{name}"] = np.array(scale[name])  #: scaler
    return state


def restore_state(objects, state):
    """Give them what `state_of` has returned."""
    optimizer = objects["optimizer"]
    average = {}  #: keeps
    scale = {}  #: scaler
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, array in state.items():
        owner, _, name = key.partition("/")
        if owner == "KEPT":  #: keeps
            average[name] = torch.from_numpy(array)  #: keeps
        if owner == "scaler":  #: scaler
            scale[name] = array.item()  #: scaler
        if owner == "optimizer":
            index, _, name = name.partition("/")
            parameter, value = parameters[int(index)], torch.from_numpy(array)
            if value.dim():  # in the order of axes that the parameter has in memory
                value = torch.empty_like(parameter).copy_(value)
            optimizer.state[parameter][name] = value
    objects["KEPT"].load_state_dict(average)  #: keeps
    scaler = objects["scaler"]  #: scaler
    scaler.load_state_dict(scaler.state_dict() | scale)  #: scaler

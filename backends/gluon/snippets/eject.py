"""What an ejected script needs besides the program. Read, never imported.

A name in capital letters on a line of its own is a blank, and a line that ends in ``#:``
and words is there where the script needs it: ``polyframe.eject.lines`` says more.
"""

import mxnet as mx
import numpy as np
from mxnet import nd


def build(weights):
    """The network with these weights."""
    with mx.name.NameManager():  # the same names each time: a Trainer goes by them
        model = MODEL()
    model.cast(DTYPE)
    model.infer_shape(*(nd.zeros((1, *shape), dtype=DTYPE) for shape in INPUT_SHAPES))
    model.initialize(mx.init.Zero())
    load_weights(model, weights)
    model.hybridize(static_alloc=True, static_shape=True)
    return model


def tensor(value):
    """An array, or each of a list, as MXNet takes it."""
    if isinstance(value, list):
        return [tensor(each) for each in value]
    floats = value.dtype.kind == "f"
    return nd.array(value, dtype=DTYPE if floats else value.dtype)


def step(STEP_ARGUMENTS):
    """Train on one batch: its loss, and the outputs."""
    SET_RATE
    TRAIN_STEP
    return loss.asnumpy().item(), arrays_of(outputs)


def arrays_of(outputs):
    """What the model returned, one output or several, as a list of arrays."""
    several = isinstance(outputs, (tuple, list))
    return [output.asnumpy() for output in (outputs if several else [outputs])]


def predict(model, inputs):
    """The outputs for a batch, without training."""
    return arrays_of(model(*tensor(inputs)))


def weights_of(model):
    """All weights and running statistics by name; copies."""
    parameters = model._collect_params_with_prefix()
    return {name: parameter.data().asnumpy() for name, parameter in parameters.items()}


def load_weights(model, weights):
    """Give the network these weights, all or some."""
    parameters = model._collect_params_with_prefix()
    for name, value in weights.items():
        if value.ndim in (3, 5):
            # Prediction leaves them in oneDNN's layout, into which MXNet does not copy.
            parameters[name].data()[:] = 0
        parameters[name].set_data(nd.array(value, dtype=DTYPE))


def means_of(model, objects):
    """The arrays with the EMA of the weights that are trained, by name."""
    average, parameters = objects["KEPT"], model._collect_params_with_prefix()
    means = {p.name: mean for p, mean in zip(average.parameters, average.values)}
    return {n: means[p.name] for n, p in parameters.items() if p.name in means}


def averages(model, objects):
    """The EMA of the weights that are trained, by name."""
    return {name: mean.asnumpy() for name, mean in means_of(model, objects).items()}


def set_averages(model, objects, values):
    """Give the EMA the values of those that had one."""
    means = means_of(model, objects)
    for name, value in values.items():
        means[name][:] = nd.array(value, dtype=DTYPE)


def as_list(kept):
    """What an optimizer keeps for a parameter, no array, one or several, as a list."""
    if kept is None:
        return []
    return list(kept) if isinstance(kept, (tuple, list)) else [kept]


def state_of(objects):
    """What the optimizer and the others remember, as arrays by name."""
    trainer = objects["optimizer"]
    state = {"updates": np.array(trainer.optimizer.num_update)}
    for name in ("m_schedule", "cur_lr"):  #: own
        number = getattr(trainer.optimizer, name, None)  #: own
        if number is not None:  #: own
            state[name] = np.array(number)  #: own
    for index, kept in trainer._updaters[0].states.items():
        for at, array in enumerate(as_list(kept)):
            state[f"optimizer/{index}/{at}"] = array.asnumpy()
    for at, array in enumerate(objects["KEPT"].values):  #: keeps
        state[f"KEPT/{at}"] = array.asnumpy()  #: keeps
    for name, number in vars(objects["scaler"]).items():  #: scaler
        state[f"scaler/{name}"] = np.array(number)  #: scaler
    return state


def restore_state(objects, state):
    """Give them what `state_of` has returned."""
    trainer = objects["optimizer"]
    optimizer, updater = trainer.optimizer, trainer._updaters[0]
    optimizer.begin_num_update = optimizer.num_update = int(state["updates"])
    for name in ("m_schedule", "cur_lr"):  #: own
        if name in state:  #: own
            setattr(optimizer, name, state[name].item())  #: own
    for index, parameter in enumerate(trainer._params):
        if f"optimizer/{index}/0" not in state:  # it is not trained, or not yet
            continue
        made = optimizer.create_state(index, parameter.data())
        for at, array in enumerate(as_list(made)):
            array[:] = nd.array(state[f"optimizer/{index}/{at}"], dtype=DTYPE)
        updater.states[index], updater.states_synced[index] = made, True
    for at, array in enumerate(objects["KEPT"].values):  #: keeps
        array[:] = nd.array(state[f"KEPT/{at}"], dtype=DTYPE)  #: keeps
    for name in vars(objects["scaler"]):  #: scaler
        setattr(objects["scaler"], name, state[f"scaler/{name}"].item())  #: scaler

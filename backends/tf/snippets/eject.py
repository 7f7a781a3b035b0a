"""What an ejected script needs besides the program. Read, never imported.

A name in capital letters on a line of its own is a blank, and a line that ends in ``#:``
and words is there where the script needs it: ``polyframe.eject.lines`` says more.
"""

import numpy as np
import tensorflow as tf


def build(weights):
    """The network with these weights."""
    tf.config.threading.set_intra_op_parallelism_threads(threads())
    tf.keras.config.set_dtype_policy(POLICY)
    model = MODEL()
    # Keras makes its variables at the first call.
    model(*(tf.zeros((1, *shape), DTYPE) for shape in INPUT_SHAPES))
    for path, value in weights.items():
        owner = model
        for part in path.split("."):
            owner = owner[int(part)] if part.isdigit() else getattr(owner, part)
        owner.assign(value)
    return model


def channels_last(x):
    """Images as TensorFlow takes them, (N, H, W, C); signals and volumes alike."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 2 else x


def tensor(value):
    """An array, or each of a list, as TensorFlow takes it."""
    if isinstance(value, list):
        return [tensor(each) for each in value]
    if value.dtype.kind == "f":  # labels have no channels
        return tf.constant(channels_last(np.asarray(value, DTYPE)))
    return tf.constant(value)


def step(STEP_ARGUMENTS):
    """Train on one batch: its loss, and the outputs."""
    SET_RATE
    TRAIN_STEP
    return loss.numpy().item(), arrays_of(outputs)


def arrays_of(outputs):
    """What the model returned, one output or several, as arrays, channels first."""
    several = isinstance(outputs, (tuple, list))
    outputs = [o.numpy() for o in (outputs if several else [outputs])]
    return [np.moveaxis(o, -1, 1) if o.ndim > 2 else o for o in outputs]


@tf.function(autograph=False)
def forward(model, inputs):
    """The outputs as tensors, without training."""
    return model(*inputs, training=False)  #: not low
    outputs = model(*inputs, training=False)  #: low
    return tf.nest.map_structure(lambda output: tf.cast(output, DTYPE), outputs)  #: low


def predict(model, inputs):
    """The outputs for a batch, without training."""
    return arrays_of(forward(model, tensor(inputs)))


def weights_of(model):
    """All weights and running statistics, in Keras's order."""
    return {str(index): v.numpy() for index, v in enumerate(model.variables)}


def load_weights(model, weights):
    """Give the network what `weights_of` has returned."""
    for index, variable in enumerate(model.variables):
        variable.assign(weights[str(index)])


def means_of(model, objects):
    """The variables with the EMA of the weights that are trained, by name."""
    average = objects["KEPT"]
    index = {id(variable): str(i) for i, variable in enumerate(model.variables)}
    return {index[id(v)]: mean for v, mean in zip(average.variables, average.values)}


def averages(model, objects):
    """The EMA of the weights that are trained, by name."""
    return {name: mean.numpy() for name, mean in means_of(model, objects).items()}


def set_averages(model, objects, values):
    """Give the EMA the values of those that had one."""
    means = means_of(model, objects)
    for name, value in values.items():
        means[name].assign(value)


def variables_in(value):
    """The variables that an object remembers things in, in order."""
    if isinstance(value, tf.keras.optimizers.Optimizer):
        return value.variables
    if hasattr(value, "assign"):
        return [value]
    if isinstance(value, (list, tuple)):
        return [v for each in value for v in variables_in(each)]
    if type(value).__module__ != __name__:
        return []
    own = {k: v for k, v in vars(value).items() if k != "variables"}  # not the weights
    return [v for each in own.values() for v in variables_in(each)]


def state_of(objects):
    """What the optimizer and the others remember, as arrays by name."""
    return {
        f"{name}/{index}": variable.numpy()
        for name, value in objects.items()
        for index, variable in enumerate(variables_in(value))
    }


def restore_state(objects, state):
    """Give them what `state_of` has returned."""
    for name, value in objects.items():
        for index, variable in enumerate(variables_in(value)):
            variable.assign(state[f"{name}/{index}"])

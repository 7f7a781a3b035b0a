"""What an ejected script needs in place of ``eject.py`` where something is Gluon's own.
Read, never imported."""

import mxnet as mx
from mxnet import nd


def build(weights):
    """The network; MXNet draws the initial weights that are not given."""
    model = Model()
    model.cast(DTYPE)
    mx.random.seed(SEED % 2**31)
    model.initialize()
    model(nd.zeros((1, *INPUT_SHAPE), dtype=DTYPE))  # some sizes are known only then
    parameters = model._collect_params_with_prefix()
    for path, value in weights.items():
        parameters[path].set_data(nd.array(value, dtype=DTYPE))
    if not RANDOM:  # a hybridised block takes random numbers always or never
        model.hybridize(static_alloc=True, static_shape=True)
    return model


def seed(model, step):
    """Seed the random layers for one step."""
    mx.random.seed(layer_seed(step))


def set_rate(optimizer, rate):
    """Set the learning rate; each parameter has its multiple of it."""
    optimizer.set_learning_rate(rate)

"""What an ejected script needs in place of ``eject.py`` where something is Gluon's own.
Read, never imported."""

import mxnet as mx
from mxnet import nd


def build(weights):
    """The network; MXNet draws the initial weights that are not given."""
    with mx.name.NameManager():  # the same names each time: a Trainer goes by them
        model = MODEL()
    model.cast(DTYPE)
    mx.random.seed(SEED % 2**31)
    model.initialize()
    # Some sizes are known only at the first call.
    model(*(nd.zeros((1, *shape), dtype=DTYPE) for shape in INPUT_SHAPES))
    load_weights(model, weights)
    model.hybridize(static_alloc=True, static_shape=True)
    return model


def seed(model, step):
    """Seed the random layers for one step."""
    mx.random.seed(native_seed(SEED, step))


def set_rate(optimizer, rate):
    """Set the learning rate; each parameter has its multiple of it."""
    optimizer.set_learning_rate(rate)

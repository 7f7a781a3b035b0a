"""What an ejected script needs in place of ``eject.py`` where something is Keras's own.
Read, never imported."""

import random

import tensorflow as tf


def build(weights):
    """The network; Keras draws the initial weights that are not given."""
    tf.config.threading.set_intra_op_parallelism_threads(threads())
    tf.keras.config.set_floatx(DTYPE)  # the dtype of an optimizer's learning rate
    tf.keras.config.set_dtype_policy(POLICY)
    random.seed(SEED % 2**31)  # initializers take their seeds from it
    model = MODEL()
    # Keras makes its variables at the first call.
    model(*(tf.zeros((1, *shape), DTYPE) for shape in INPUT_SHAPES))
    for path, value in weights.items():
        owner = model
        for part in path.split("."):
            owner = owner[int(part)] if part.isdigit() else getattr(owner, part)
        owner.assign(value)
    return model


def seed(model, step):
    """Seed the random layers for one step; each has a generator of its own."""
    for index, layer in enumerate(model._flatten_layers()):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign([native_seed(SEED, step), index])


def set_rate(optimizer, rate):
    """Set the learning rate; each parameter has its multiple of it."""
    optimizer.set_rate(rate)  #: multiplies
    optimizer.learning_rate.assign(rate)  #: not multiplies

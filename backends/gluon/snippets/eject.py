"""What an ejected script needs besides the program. Read, never imported."""

import mxnet as mx
import numpy as np
from mxnet import nd


def build(weights):
    """The network with its initial weights."""
    model = Model()
    model.cast(DTYPE)
    model.initialize(mx.init.Zero())
    parameters = model._collect_params_with_prefix()
    for path, value in weights.items():
        parameters[path].set_data(nd.array(value, dtype=DTYPE))
    if not RANDOM:  # a hybridised block takes random numbers always or never
        model.hybridize(static_alloc=True, static_shape=True)
    return model


def step(model, optimizer, x, target, random):
    """One training step; the mean loss of the batch."""
    batch = [nd.array(x, dtype=DTYPE), nd.array(target, dtype=target.dtype)]
    if random:
        batch.append([nd.array(numbers, dtype=DTYPE) for numbers in random])
    TRAIN_STEP
    return float(loss.asscalar())


def predict(model, x):
    """The outputs for samples (N, C, H, W)."""
    batches = (x[i : i + 256] for i in range(0, len(x), 256))
    parts = [model(nd.array(batch, dtype=DTYPE)).asnumpy() for batch in batches]
    return np.concatenate(parts)

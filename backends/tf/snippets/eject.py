"""What an ejected script needs besides the program. Read, never imported."""

import numpy as np
import tensorflow as tf


def build(weights):
    """The network with its initial weights."""
    tf.keras.config.set_dtype_policy(DTYPE)
    model = Model()
    model(tf.zeros((1, *INPUT_SHAPE), DTYPE))  # Keras makes its variables now
    for path, value in weights.items():
        owner = model
        for part in path.split("."):
            owner = owner[int(part)] if part.isdigit() else getattr(owner, part)
        owner.assign(value)
    return model


def channels_last(x):
    """Images as TensorFlow takes them, (N, H, W, C); signals and volumes alike."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 2 else x


def step(model, optimizer, x, target, random):
    """One training step; the mean loss of the batch."""
    images = target.dtype.kind == "f"  # labels have no channels
    target = channels_last(target) if images else target
    batch = [tf.constant(channels_last(x)), tf.constant(target)]
    if random:
        batch.append(tuple(tf.constant(channels_last(numbers)) for numbers in random))
    TRAIN_STEP
    return float(loss)


def predict(model, x):
    """The outputs for samples (N, C, H, W), channels first as well."""
    x = channels_last(x)
    parts = [model(x[i : i + 256], training=False) for i in range(0, len(x), 256)]
    outputs = np.concatenate([part.numpy() for part in parts])
    return np.moveaxis(outputs, -1, 1) if outputs.ndim > 2 else outputs

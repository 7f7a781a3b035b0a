"""Keras's own training step, on whichever backend KERAS_BACKEND names.

After "Training & evaluation with the built-in methods" (keras.io/guides): ``compile``,
``train_on_batch`` and ``predict_on_batch``, with everything that Keras decides by
itself left to it (``jit_compile`` is "auto": XLA with JAX, no compiler with PyTorch).
"""

import os

import keras
import numpy as np


class Trainer:
    def __init__(self, model, optimizer="adam", device="cpu"):
        self.model = model  # on the device that Keras's backend sees
        if optimizer == "adam":
            optimizer = keras.optimizers.Adam(1e-3, epsilon=1e-8)
        else:
            optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=optimizer, loss=loss)

    def stage(self, x, y):
        """Tensors of the backend: every step takes them as they are, without a copy."""
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        return keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)

    def step(self, batch):
        x, y = batch
        return self.model.train_on_batch(x, y)

    def read(self, loss):
        # A float already: train_on_batch waits for the loss.
        return float(loss)

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        weights = self.model.trainable_variables
        return {
            "threads": threads(),
            "dtype": keras.backend.standardize_dtype(weights[0].dtype),
            "parameters": sum(int(np.prod(w.shape)) for w in weights),
            "version": keras.__version__,
        }

    def predict(self, batch):
        x, _ = batch
        return self.model.predict_on_batch(x)


def threads():
    """How many threads the backend uses: each reads a variable of its own."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.get_num_threads()
    names = {"tensorflow": "TF_NUM_INTRAOP_THREADS", "jax": "NPROC"}
    return int(os.environ[names[keras.backend.backend()]])

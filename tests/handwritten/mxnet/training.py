"""Gluon's own training loop around a block.

After "Gluon crash course: train the neural network": ``autograd.record``, ``backward``
and ``Trainer.step``, on a hybridized network.
"""

# ruff: noqa: E402
import os

import numpy as np

np.bool = np.bool_  # MXNet 1.9 asks for it, and NumPy has dropped the name

import mxnet as mx
from mxnet import autograd, gluon


class Trainer:
    def __init__(self, model, optimizer="adam", device="cpu"):
        self.ctx = mx.cpu() if device == "cpu" else mx.gpu()
        self.model = model
        if not initialized(model):
            model.initialize(mx.init.Xavier(), ctx=self.ctx)
        model.hybridize(static_alloc=True, static_shape=True)
        self.loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
        options = {"learning_rate": 1e-3}
        if optimizer == "sgd":
            options = {"learning_rate": 0.01, "momentum": 0.9}
        self.trainer = gluon.Trainer(model.collect_params(), optimizer, options)

    def stage(self, x, y):
        return tuple(mx.nd.array(a, ctx=self.ctx, dtype=a.dtype) for a in (x, y))

    def forward(self, batch):
        data, label = batch
        self.batch_size = data.shape[0]
        with autograd.record():
            output = self.model(data)
            return self.loss_fn(output, label)  # one loss per sample

    def backward(self, loss):
        loss.backward()  # their sum's gradient, which step divides

    def update(self):
        self.trainer.step(self.batch_size)

    def step(self, batch):
        loss = self.forward(batch)
        self.backward(loss)
        self.update()
        return loss

    def read(self, loss):
        return loss.mean().asscalar().item()

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        parameters = self.model.collect_params().values()
        trained = [p for p in parameters if p.grad_req != "null"]
        return {
            "threads": int(os.environ["OMP_NUM_THREADS"]),  # read by its import
            "dtype": np.dtype(trained[0].dtype).name,
            "parameters": sum(int(np.prod(p.shape)) for p in trained),
            "version": mx.__version__,
        }

    def wait(self):
        mx.nd.waitall()

    def predict(self, batch):
        data, _ = batch
        return self.model(data).asnumpy()


def initialized(model):
    try:
        model.collect_params().list_ctx()
    except RuntimeError:
        return False
    return True

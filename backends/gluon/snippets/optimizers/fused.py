"""Optimizers that are copied into programs: fused kernels with PyTorch's semantics.

This file is read, never imported by polyframe.
"""

import mxnet as mx
from mxnet import nd


class SGD(mx.optimizer.Optimizer):
    """SGD with PyTorch's velocity, v = momentum * v + g; MXNet's own holds the rate.

    MXNet's own SGD folds the learning rate into the velocity. Its kernel without
    momentum moves the velocities as well as the weights, many parameters at a time.
    """

    def __init__(self, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.momentum = momentum
        self.nesterov = nesterov
        self.aggregate_num = 60  # parameters in one call: the kernel's limit

    def create_state(self, index, weight):
        """Return the velocity, which starts at zero."""
        return nd.zeros_like(weight) if self.momentum else None

    def update(self, index, weight, grad, state):
        """Move a list of parameters by one step."""
        count, decays = len(weight), self._get_wds(index)
        if self.momentum:  # v = momentum * v + g
            self.move(state, grad, [-1] * count, [self.momentum - 1] * count)
            if any(decays):
                self.move(state, weight, [-decay for decay in decays])
        if self.nesterov or not self.momentum:
            self.move(weight, grad, [self.lr] * count, decays)
        if self.momentum:
            rate = self.lr * (self.momentum if self.nesterov else 1)
            self.move(weight, state, [rate] * count)

    def move(self, arrays, directions, rates, decays=None):
        """Subtract rate * (direction + decay * array) from each array."""
        count = len(arrays)
        nd.multi_sgd_update(
            *[array for pair in zip(arrays, directions) for array in pair],
            out=arrays,
            lrs=rates,
            wds=decays or [0.0] * count,
            num_weights=count,
        )


class Adam(mx.optimizer.Optimizer):
    """Adam with epsilon after the bias correction; MXNet's own has it before.

    The kernel has no bias correction: it is part of each step's rate and epsilon. It
    keeps its betas in float32, so the corrections are made from the same rounded betas.
    """

    def __init__(
        self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1, self.beta2 = (
            nd.array([beta1, beta2], dtype="float32").asnumpy().tolist()
        )
        self.epsilon = epsilon
        self.aggregate_num = 100  # parameters in one call of `update`

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move a list of parameters by one step."""
        self._update_count(index)
        correction1 = 1 - self.beta1**self.num_update
        correction2 = (1 - self.beta2**self.num_update) ** 0.5
        options = {
            "lr": self.lr * correction2 / correction1,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon * correction2,
        }
        rows = zip(weight, grad, state, self._get_wds(index))
        for w, g, (mean, square), decay in rows:
            nd.adam_update(w, g, mean, square, out=w, wd=decay, **options)


class AdamW(mx.optimizer.Optimizer):
    """Adam with decoupled weight decay as in PyTorch, on MXNet's fused kernel.

    The kernel has no bias correction: it is part of each step's rate and epsilon. It
    keeps its betas in float32, so the corrections are made from the same rounded betas.
    """

    def __init__(
        self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1, self.beta2 = (
            nd.array([beta1, beta2], dtype="float32").asnumpy().tolist()
        )
        self.epsilon = epsilon
        self.aggregate_num = 100  # parameters in one call of `update`

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move a list of parameters by one step."""
        self._update_count(index)
        correction1 = 1 - self.beta1**self.num_update
        correction2 = (1 - self.beta2**self.num_update) ** 0.5
        options = {
            "lr": self.lr * correction2 / correction1,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon * correction2,
        }
        rows = zip(weight, grad, state, self._get_wds(index))
        for w, g, (mean, square), decay in rows:
            if decay:
                w *= 1 - self.lr * decay
            nd.adam_update(w, g, mean, square, out=w, **options)

"""Optimizers that are copied into programs, with PyTorch's semantics, for float64.

This file is read, never imported by polyframe.
"""

import mxnet as mx
from mxnet import nd


class SGD(mx.optimizer.Optimizer):
    """SGD with PyTorch's velocity, v = momentum * v + g; MXNet's own holds the rate.

    MXNet's own SGD folds the learning rate into the velocity, so a change of the rate
    has another effect there.
    """

    def __init__(
        self,
        learning_rate,
        momentum=0.0,
        nesterov=False,
        weight_decay=0.0,
        dampening=0.0,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.momentum = momentum
        self.nesterov = nesterov
        self.dampening = dampening

    def create_state(self, index, weight):
        """Return the velocity, which starts at zero."""
        return nd.zeros_like(weight) if self.momentum else None

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        if self.momentum:
            state *= self.momentum
            state += grad if self.num_update == 1 else (1 - self.dampening) * grad
            grad = grad + self.momentum * state if self.nesterov else state
        weight -= self.lr * grad


class Adam(mx.optimizer.Optimizer):
    """Adam with epsilon after the bias correction; MXNet's own has it before.

    Written in array arithmetic, because MXNet's own Adam keeps its betas in float32.
    """

    def __init__(
        self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square = state
        correction1 = 1 - self.beta1**self.num_update
        correction2 = 1 - self.beta2**self.num_update
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        size = nd.sqrt(square) / correction2**0.5 + self.epsilon
        weight -= self.lr / correction1 * (mean / size)


class AdamW(mx.optimizer.Optimizer):
    """Adam with decoupled weight decay as in PyTorch, in float64 unlike MXNet's own.

    Written in array arithmetic, because MXNet's own kernel keeps its betas in float32.
    """

    def __init__(
        self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square = state
        correction1 = 1 - self.beta1**self.num_update
        correction2 = 1 - self.beta2**self.num_update
        weight *= 1 - self.lr * self._get_wd(index)
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        size = nd.sqrt(square) / correction2**0.5 + self.epsilon
        weight -= self.lr / correction1 * (mean / size)

"""Optimizers that are copied into programs, with PyTorch's semantics, for every dtype.

MXNet's own keep their hyperparameters in float32, whatever the weights are. This file
is read, never imported by polyframe.
"""

import mxnet as mx
from mxnet import nd


class AMSGrad(mx.optimizer.Optimizer):
    """Adam (or AdamW) with the largest mean of squares so far, which MXNet lacks.

    Epsilon is added after the bias correction, as in PyTorch.
    """

    def __init__(
        self,
        learning_rate,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        decoupled=False,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.decoupled = decoupled

    def create_state(self, index, weight):
        """Return the means of the gradient and of its square, and the largest one."""
        return tuple(nd.zeros_like(weight) for _ in range(3))

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square, largest = state
        correction1 = 1 - self.beta1**self.num_update
        correction2 = 1 - self.beta2**self.num_update
        decay = self._get_wd(index)
        if decay and self.decoupled:
            weight *= 1 - self.lr * decay
        elif decay:
            grad = grad + decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        largest[:] = nd.maximum(largest, square)
        size = nd.sqrt(largest) / correction2**0.5 + self.epsilon
        weight -= self.lr / correction1 * (mean / size)


class Adamax(mx.optimizer.Optimizer):
    """Adam with the largest size of recent gradients; MXNet's own has no epsilon.

    Weight decay is coupled: it is part of the gradient.
    """

    def __init__(
        self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """Return the mean of the gradient and its largest size."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, size = state
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        size[:] = nd.maximum(self.beta2 * size, nd.abs(grad) + self.epsilon)
        weight -= self.lr / (1 - self.beta1**self.num_update) * (mean / size)


class NAdam(mx.optimizer.Optimizer):
    """Adam with Nesterov's momentum; MXNet's own updates its schedule too often.

    Decoupled decay shrinks the weights first; else it is part of the gradient.
    """

    def __init__(
        self,
        learning_rate,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        momentum_decay=4e-3,
        decoupled=False,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.momentum_decay = momentum_decay
        self.decoupled = decoupled
        self.product, self.known = 1.0, 0

    def momentum(self, step):
        """Return the momentum of a step."""
        return self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))

    def momenta(self, step):
        """Return the product of the momenta up to a step."""
        while self.known < step:
            self.known += 1
            self.product *= self.momentum(self.known)
        return self.product

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square = state
        step = self.num_update
        now, following = self.momentum(step), self.momentum(step + 1)
        product = self.momenta(step)
        decay = self._get_wd(index)
        if decay and self.decoupled:
            weight *= 1 - self.lr * decay
        elif decay:
            grad = grad + decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        size = nd.sqrt(square / (1 - self.beta2**step)) + self.epsilon
        update = (1 - now) / (1 - product) * grad
        update += following / (1 - product * following) * mean
        weight -= self.lr * update / size


class RAdam(mx.optimizer.Optimizer):
    """Adam whose rate is rectified, plain momentum at first, which MXNet lacks.

    Decoupled decay shrinks the weights first; else it is part of the gradient.
    """

    def __init__(
        self,
        learning_rate,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        decoupled=False,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.decoupled = decoupled

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def rectified(self, step):
        """Return the factor of the rate, 0 while it is undefined."""
        correction = 1 - self.beta2**step
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * self.beta2**step / correction
        if length <= 5:
            return 0.0
        known = (length - 4) * (length - 2) * longest
        return (known / ((longest - 4) * (longest - 2) * length) * correction) ** 0.5

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square = state
        decay = self._get_wd(index)
        if decay and self.decoupled:
            weight *= 1 - self.lr * decay
        elif decay:
            grad = grad + decay * weight
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        rate = self.lr / (1 - self.beta1**self.num_update)
        factor = self.rectified(self.num_update)
        if factor:
            weight -= rate * factor * mean / (nd.sqrt(square) + self.epsilon)
        else:
            weight -= rate * mean

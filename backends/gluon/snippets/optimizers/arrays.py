"""Optimizers that are copied into programs, with PyTorch's semantics, for every dtype.

MXNet's own keep their hyperparameters in float32, whatever the weights are. This file
is read, never imported by polyframe.
"""

import mxnet as mx
from mxnet import nd


class RMSProp(mx.optimizer.Optimizer):
    """RMSProp as in PyTorch; MXNet's own has epsilon inside the root.

    Epsilon is added to the root, as in PyTorch. Weight decay is coupled: it is part of
    the gradient.
    """

    def __init__(
        self,
        learning_rate,
        alpha=0.99,
        epsilon=1e-8,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.alpha = alpha
        self.epsilon = epsilon
        self.momentum = momentum
        self.centered = centered

    def create_state(self, index, weight):
        """Return the mean of squares, the velocity and the mean, those in use."""
        count = 1 + bool(self.momentum) + self.centered
        states = tuple(nd.zeros_like(weight) for _ in range(count))
        return states if count > 1 else states[0]

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        square, *more = state if isinstance(state, tuple) else [state]
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        square *= self.alpha
        square += (1 - self.alpha) * nd.square(grad)
        if self.centered:
            mean = more[-1]
            mean *= self.alpha
            mean += (1 - self.alpha) * grad
            square = square - nd.square(mean)
        update = grad / (nd.sqrt(square) + self.epsilon)
        if self.momentum:
            velocity = more[0]
            velocity *= self.momentum
            velocity += update
            update = velocity
        weight -= self.lr * update


class Adagrad(mx.optimizer.Optimizer):
    """Adagrad as in PyTorch, in the weights' dtype; MXNet's own is in float32.

    Epsilon is added to the root, as in PyTorch. Weight decay is coupled: it is part of
    the gradient.
    """

    def __init__(
        self,
        learning_rate,
        lr_decay=0.0,
        weight_decay=0.0,
        initial_accumulator_value=0.0,
        epsilon=1e-10,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.lr_decay = lr_decay
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """Return the sum of squares."""
        return nd.zeros_like(weight) + self.initial_accumulator_value

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        state += nd.square(grad)
        rate = self.lr / (1 + (self.num_update - 1) * self.lr_decay)
        weight -= rate * (grad / (nd.sqrt(state) + self.epsilon))


class Adadelta(mx.optimizer.Optimizer):
    """Adadelta as in PyTorch, in the weights' dtype; MXNet's own is in float32.

    Weight decay is coupled: it is part of the gradient.
    """

    def __init__(self, learning_rate, rho=0.9, epsilon=1e-6, weight_decay=0.0):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index, weight):
        """Return the running means of the squares of gradients and of steps."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        square, moves = state
        decay = self._get_wd(index)
        if decay:
            grad = grad + decay * weight
        square *= self.rho
        square += (1 - self.rho) * nd.square(grad)
        size = nd.sqrt(moves + self.epsilon)
        update = size / nd.sqrt(square + self.epsilon) * grad
        moves *= self.rho
        moves += (1 - self.rho) * nd.square(update)
        weight -= self.lr * update


class Lion(mx.optimizer.Optimizer):
    """Lion (Chen et al. 2023), which MXNet lacks: every weight moves by lr or not.

    Weight decay is decoupled.
    """

    def __init__(self, learning_rate, beta1=0.9, beta2=0.99, weight_decay=0.0):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2

    def create_state(self, index, weight):
        """Return the running mean of the gradient."""
        return nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        direction = nd.sign(self.beta1 * state + (1 - self.beta1) * grad)
        weight *= 1 - self.lr * self._get_wd(index)
        weight -= self.lr * direction
        state *= self.beta2
        state += (1 - self.beta2) * grad


class LAMB(mx.optimizer.Optimizer):
    """LAMB (You et al. 2020); MXNet's own rounds its constants to float32.

    Without `adapt_vectors`, vectors have no trust ratio.
    """

    def __init__(
        self,
        learning_rate,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-6,
        weight_decay=0.0,
        adapt_vectors=True,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.adapt_vectors = adapt_vectors

    def create_state(self, index, weight):
        """Return the running means of the gradient and of its square."""
        return nd.zeros_like(weight), nd.zeros_like(weight)

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        self._update_count(index)
        mean, square = state
        correction1 = 1 - self.beta1**self.num_update
        correction2 = 1 - self.beta2**self.num_update
        mean *= self.beta1
        mean += (1 - self.beta1) * grad
        square *= self.beta2
        square += (1 - self.beta2) * nd.square(grad)
        size = nd.sqrt(square) / correction2**0.5 + self.epsilon
        update = mean / correction1 / size + self._get_wd(index) * weight
        if self.adapt_vectors or self.param_dict[index].wd_mult:  # 0 for vectors
            of_w, of_u = (nd.sqrt(nd.sum(nd.square(x))) for x in (weight, update))
            update *= nd.where((of_w > 0) * (of_u > 0), of_w / of_u, nd.ones_like(of_w))
        weight -= self.lr * update


class LARS(mx.optimizer.Optimizer):
    """LARS (You et al. 2017); the velocity of MXNet's own holds the learning rate.

    The velocity does not hold the learning rate. Without `adapt_vectors`, vectors have
    no rate of their own.
    """

    def __init__(
        self,
        learning_rate,
        momentum=0.9,
        weight_decay=0.0,
        trust_coefficient=1e-3,
        adapt_vectors=True,
    ):
        super().__init__(learning_rate=learning_rate, wd=weight_decay)
        self.momentum = momentum
        self.trust_coefficient = trust_coefficient
        self.adapt_vectors = adapt_vectors

    def create_state(self, index, weight):
        """Return the velocity, which starts at zero."""
        return nd.zeros_like(weight) if self.momentum else None

    def update(self, index, weight, grad, state):
        """Move one parameter by one step."""
        decay = self._get_wd(index)
        update = grad + decay * weight
        if self.adapt_vectors or self.param_dict[index].wd_mult:  # 0 for vectors
            of_w, of_g = (nd.sqrt(nd.sum(nd.square(x))) for x in (weight, grad))
            rate = self.trust_coefficient * of_w / (of_g + decay * of_w)
            update *= nd.where((of_w > 0) * (of_g > 0), rate, nd.ones_like(of_w))
        if self.momentum:
            state *= self.momentum
            state += update
            update = state
        weight -= self.lr * update

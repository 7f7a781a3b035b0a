"""Optimizers that are copied into programs: PyTorch's semantics in plain operations.

This file is read, never imported by polyframe.
"""

import tensorflow as tf


class Optimizer:
    """The base of optimizers with PyTorch's formulas; Keras's own has others.

    What depends on the step count alone is computed in float64, once a step, by
    `begin`.
    """

    def __init__(self, variables, weight_decay=0.0, decay_vectors=True):
        self.variables = variables
        self.covers = [decay_vectors or len(w.shape) > 1 for w in variables]
        self.decays = [weight_decay if covered else 0.0 for covered in self.covers]
        self.step = tf.Variable(0, dtype=tf.int64)

    def zeros(self):
        """Return a variable of zeros for each weight."""
        return [tf.Variable(tf.zeros_like(w)) for w in self.variables]

    def begin(self, t, rate):
        """Return more arguments of `move`: scalars, by the step count and the rate."""
        return [rate]

    def apply(self, gradients, learning_rate):
        """Take one step; `learning_rate` is a scalar tensor of the weights' dtype."""
        t = tf.cast(self.step.assign_add(1), tf.float64)
        scalars = self.begin(t, tf.cast(learning_rate, tf.float64))
        scalars = [tf.cast(s, learning_rate.dtype) for s in scalars]
        for i, (w, g) in enumerate(zip(self.variables, gradients)):
            self.move(i, w, g, *scalars)


class AMSGrad(Optimizer):
    """Adam (or AdamW) with the largest mean of squares; Keras's epsilon is elsewhere.

    Epsilon is added after the bias correction, as in PyTorch.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        decoupled=False,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.decoupled = decoupled
        self.means, self.squares = self.zeros(), self.zeros()
        self.largest = self.zeros()

    def begin(self, t, rate):
        """Return the rate, the rate of a mean without bias, and a root's correction."""
        return rate, rate / (1 - self.beta_1**t), tf.sqrt(1 - self.beta_2**t)

    def move(self, i, w, g, rate, corrected, root):
        """Move one weight."""
        decay, m, v, top = (
            self.decays[i],
            self.means[i],
            self.squares[i],
            self.largest[i],
        )
        if decay and self.decoupled:
            w.assign(w * (1 - rate * decay))
        elif decay:
            g += decay * w
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        top.assign(tf.maximum(top, v))
        w.assign_sub(corrected * m / (tf.sqrt(top) / root + self.epsilon))


class Adamax(Optimizer):
    """Adam with the largest size of recent gradients; Keras's epsilon is elsewhere.

    Weight decay is coupled: it is part of the gradient.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.means, self.sizes = self.zeros(), self.zeros()

    def begin(self, t, rate):
        """Return the rate of a mean without bias."""
        return [rate / (1 - self.beta_1**t)]

    def move(self, i, w, g, corrected):
        """Move one weight."""
        decay, m, u = self.decays[i], self.means[i], self.sizes[i]
        if decay:
            g += decay * w
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        u.assign(tf.maximum(self.beta_2 * u, tf.abs(g) + self.epsilon))
        w.assign_sub(corrected * m / u)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum and PyTorch's schedule; Keras's own has another.

    Decoupled decay shrinks the weights first; else it is part of the gradient.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        momentum_decay=4e-3,
        decoupled=False,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.momentum_decay, self.decoupled = momentum_decay, decoupled
        self.product = tf.Variable(1, dtype=tf.float64)
        self.means, self.squares = self.zeros(), self.zeros()

    def momentum(self, t):
        """Return the momentum of step t."""
        return self.beta_1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def begin(self, t, rate):
        """Return the rate, those of a gradient and a mean, and a root's correction."""
        now, following = self.momentum(t), self.momentum(t + 1)
        product = self.product.assign(self.product * now)
        of_g = rate * (1 - now) / (1 - product)
        of_m = rate * following / (1 - product * following)
        return rate, of_g, of_m, tf.sqrt(1 - self.beta_2**t)

    def move(self, i, w, g, rate, of_g, of_m, root):
        """Move one weight."""
        decay, m, v = self.decays[i], self.means[i], self.squares[i]
        if decay and self.decoupled:
            w.assign(w * (1 - rate * decay))
        elif decay:
            g += decay * w
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        w.assign_sub((of_g * g + of_m * m) / (tf.sqrt(v) / root + self.epsilon))


class RAdam(Optimizer):
    """Adam whose rate is rectified, plain momentum at first, which Keras lacks.

    Decoupled decay shrinks the weights first; else it is part of the gradient.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        decoupled=False,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.decoupled = decoupled
        self.means, self.squares = self.zeros(), self.zeros()

    def begin(self, t, rate):
        """Return the rate, the mean's rates unrectified and rectified: one is 0."""
        correction = 1 - self.beta_2**t
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * t * self.beta_2**t / correction
        known = (length - 4) * (length - 2) * longest
        rectified = known / ((longest - 4) * (longest - 2) * length)
        factor = tf.sqrt(tf.where(length > 5, rectified * correction, 0))
        corrected = rate / (1 - self.beta_1**t)
        return rate, tf.where(length <= 5, corrected, 0), corrected * factor

    def move(self, i, w, g, rate, plain, rectified):
        """Move one weight."""
        decay, m, v = self.decays[i], self.means[i], self.squares[i]
        if decay and self.decoupled:
            w.assign(w * (1 - rate * decay))
        elif decay:
            g += decay * w
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        w.assign_sub((plain + rectified / (tf.sqrt(v) + self.epsilon)) * m)


class RMSProp(Optimizer):
    """RMSProp with epsilon outside the root; Keras's own has it inside.

    Epsilon is added to the root, as in PyTorch. Weight decay is coupled: it is part of
    the gradient.
    """

    def __init__(
        self,
        variables,
        rho=0.99,
        epsilon=1e-8,
        weight_decay=0.0,
        momentum=0.0,
        centered=False,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.rho, self.epsilon = rho, epsilon
        self.momentum, self.centered = momentum, centered
        self.squares = self.zeros()
        self.velocities = self.zeros() if momentum else []
        self.means = self.zeros() if centered else []

    def move(self, i, w, g, rate):
        """Move one weight."""
        if self.decays[i]:
            g += self.decays[i] * w
        square = self.rho * self.squares[i] + (1 - self.rho) * tf.square(g)
        self.squares[i].assign(square)
        if self.centered:
            mean = self.rho * self.means[i] + (1 - self.rho) * g
            self.means[i].assign(mean)
            square -= tf.square(mean)
        update = g / (tf.sqrt(square) + self.epsilon)
        if self.momentum:
            update += self.momentum * self.velocities[i]
            self.velocities[i].assign(update)
        w.assign_sub(rate * update)


class Adagrad(Optimizer):
    """Adagrad with epsilon outside the root; Keras's own has it inside.

    Epsilon is added to the root, as in PyTorch. Weight decay is coupled: it is part of
    the gradient.
    """

    def __init__(
        self,
        variables,
        lr_decay=0.0,
        weight_decay=0.0,
        initial_accumulator_value=0.0,
        epsilon=1e-10,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.lr_decay, self.epsilon = lr_decay, epsilon
        start = initial_accumulator_value
        self.squares = [
            tf.Variable(tf.constant(start, w.dtype, w.shape)) for w in variables
        ]

    def begin(self, t, rate):
        """Return the rate of the step."""
        return [rate / (1 + (t - 1) * self.lr_decay)]

    def move(self, i, w, g, rate):
        """Move one weight."""
        if self.decays[i]:
            g += self.decays[i] * w
        square = self.squares[i].assign_add(tf.square(g))
        w.assign_sub(rate * g / (tf.sqrt(square) + self.epsilon))


class Adadelta(Optimizer):
    """Adadelta with coupled weight decay; Keras's own decays apart from it.

    Weight decay is coupled: it is part of the gradient.
    """

    def __init__(
        self, variables, rho=0.9, epsilon=1e-6, weight_decay=0.0, decay_vectors=True
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.rho, self.epsilon = rho, epsilon
        self.squares, self.moves = self.zeros(), self.zeros()

    def move(self, i, w, g, rate):
        """Move one weight."""
        if self.decays[i]:
            g += self.decays[i] * w
        square = self.rho * self.squares[i] + (1 - self.rho) * tf.square(g)
        size = tf.sqrt(self.moves[i] + self.epsilon)
        update = size / tf.sqrt(square + self.epsilon) * g
        self.squares[i].assign(square)
        self.moves[i].assign(
            self.rho * self.moves[i] + (1 - self.rho) * tf.square(update)
        )
        w.assign_sub(rate * update)


class Lion(Optimizer):
    """Lion (Chen et al. 2023), in any dtype; Keras's own keeps lr in float32.

    Weight decay is decoupled.
    """

    def __init__(
        self, variables, beta_1=0.9, beta_2=0.99, weight_decay=0.0, decay_vectors=True
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.means = self.zeros()

    def move(self, i, w, g, rate):
        """Move one weight."""
        m = self.means[i]
        direction = tf.sign(self.beta_1 * m + (1 - self.beta_1) * g)
        m.assign(self.beta_2 * m + (1 - self.beta_2) * g)
        w.assign(w * (1 - rate * self.decays[i]) - rate * direction)


class LAMB(Optimizer):
    """LAMB (You et al. 2020) in any dtype; Keras's own keeps lr in float32.

    Without `decay_vectors`, vectors have no trust ratio either.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        weight_decay=0.0,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.means, self.squares = self.zeros(), self.zeros()

    def begin(self, t, rate):
        """Return the rate, and the corrections of a mean and of a root."""
        return rate, 1 - self.beta_1**t, tf.sqrt(1 - self.beta_2**t)

    def move(self, i, w, g, rate, bias, root):
        """Move one weight."""
        m, v = self.means[i], self.squares[i]
        m.assign(self.beta_1 * m + (1 - self.beta_1) * g)
        v.assign(self.beta_2 * v + (1 - self.beta_2) * tf.square(g))
        update = m / bias / (tf.sqrt(v) / root + self.epsilon) + self.decays[i] * w
        if self.covers[i]:
            of_w, of_u = tf.norm(w), tf.norm(update)
            update *= tf.where((of_w > 0) & (of_u > 0), of_w / of_u, 1)
        w.assign_sub(rate * update)


class LARS(Optimizer):
    """LARS (You et al. 2017), which Keras lacks: a rate for each parameter.

    The velocity does not hold the learning rate. Without `decay_vectors`, vectors have
    no rate of their own either.
    """

    def __init__(
        self,
        variables,
        momentum=0.9,
        weight_decay=0.0,
        trust_coefficient=1e-3,
        decay_vectors=True,
    ):
        super().__init__(variables, weight_decay, decay_vectors)
        self.momentum, self.trust_coefficient = momentum, trust_coefficient
        self.velocities = self.zeros() if momentum else []

    def move(self, i, w, g, rate):
        """Move one weight."""
        decay = self.decays[i]
        update = g + decay * w
        if self.covers[i]:
            of_w, of_g = tf.norm(w), tf.norm(g)
            own = self.trust_coefficient * of_w / (of_g + decay * of_w)
            update *= tf.where((of_w > 0) & (of_g > 0), own, 1)
        if self.momentum:
            update += self.momentum * self.velocities[i]
            self.velocities[i].assign(update)
        w.assign_sub(rate * update)

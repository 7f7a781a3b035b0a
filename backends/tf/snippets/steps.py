"""Parts of training steps that are copied into programs.

This file is read, never imported by polyframe.
"""

import tensorflow as tf


class Groups:
    """Optimizers for groups of variables; Keras's own has one learning rate for all.

    `factors` lists variables with their factors of the learning rate and of the weight
    decay; those of all others are 1. `make(variables, decay)` returns an optimizer.
    """

    def __init__(self, variables, factors, make):
        known = {id(variable): pair for variable, *pair in factors}
        members = {}
        for i, variable in enumerate(variables):
            pair = tuple(known.get(id(variable), (1.0, 1.0)))
            members.setdefault(pair, []).append(i)
        self.groups = [
            (rows, rate, make([variables[i] for i in rows], decay))
            for (rate, decay), rows in members.items()
        ]

    def apply(self, gradients, learning_rate):
        """Take one step; `learning_rate` is that of a factor of 1."""
        for rows, rate, optimizer in self.groups:
            optimizer.apply([gradients[i] for i in rows], learning_rate * rate)


class KerasGroups(Groups):
    """Groups of Keras's own optimizers, each of which has one learning rate."""

    def set_rate(self, learning_rate):
        """Change the learning rate; that of a factor of 1."""
        for _, rate, optimizer in self.groups:
            optimizer.learning_rate.assign(learning_rate * rate)

    def apply_gradients(self, gradients_and_variables):
        """Take one step."""
        pairs = list(gradients_and_variables)
        for rows, _, optimizer in self.groups:
            optimizer.apply_gradients([pairs[i] for i in rows])


class Sums:
    """Gradients added up over several batches; TensorFlow's tape returns new ones."""

    def __init__(self, variables):
        self.values = [tf.Variable(tf.zeros_like(w)) for w in variables]

    def add(self, gradients):
        """Add the gradients of one more batch; the sums so far."""
        sums = zip(self.values, gradients)
        return [s.assign_add(g).read_value() for s, g in sums]

    def clear(self):
        """Set the sums to zero, after an update."""
        for s in self.values:
            s.assign(tf.zeros_like(s))


class Average:
    """The EMA of the weights after each step; Keras's own belongs to its optimizers."""

    def __init__(self, variables, decay):
        self.variables, self.decay = variables, decay
        self.values = [tf.Variable(w) for w in variables]

    def update(self):
        """Update it with the current weights."""
        for a, w in zip(self.values, self.variables):
            a.assign_sub((1 - self.decay) * (a - w))


class LossScale:
    """Scale the loss up for float16; Keras's own scaler has another schedule.

    As PyTorch's GradScaler: an update whose gradients are not all finite is skipped
    and halves the scale; 2000 finite ones in a row double it.
    """

    def __init__(self):
        self.scale = tf.Variable(2.0**16)
        self.good_steps = tf.Variable(0)
        self.updates = tf.Variable(0)

    def unscale(self, gradients):
        """The true gradients, and whether all of them are finite."""
        gradients = [g / self.scale for g in gradients]  # exact: a power of two
        finite = [tf.reduce_all(tf.math.is_finite(g)) for g in gradients]
        return gradients, tf.reduce_all(finite)

    def update(self, finite):
        """Count a step, and change the scale when that is due."""
        self.updates.assign_add(tf.cast(finite, tf.int32))
        steps = tf.where(finite, self.good_steps + 1, 0)
        grown = tf.minimum(2 * self.scale, 2.0**127)
        good = tf.where(steps == 2000, grown, self.scale)
        self.scale.assign(tf.where(finite, good, self.scale / 2))
        self.good_steps.assign(tf.where(steps == 2000, 0, steps))

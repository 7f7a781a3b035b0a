"""Optimizers that are copied into programs: TensorFlow's kernels, PyTorch's semantics.

This file is read, never imported by polyframe.
"""

import tensorflow as tf


class SGD:
    """SGD with PyTorch's velocity, v = momentum * v + g; Keras's own holds the rate.

    Keras multiplies lr into v instead, which differs once lr changes.
    """

    def __init__(
        self,
        variables,
        momentum=0.0,
        nesterov=False,
        weight_decay=0.0,
        dampening=0.0,
        decay_vectors=True,
    ):
        self.variables = variables
        self.momentum, self.nesterov = momentum, nesterov
        self.dampening = dampening if momentum else 0.0  # of the velocity alone
        self.decays = [
            weight_decay if decay_vectors or len(w.shape) > 1 else 0.0
            for w in variables
        ]
        self.velocities = [tf.Variable(tf.zeros_like(w)) for w in variables if momentum]
        self.step = tf.Variable(0, dtype=tf.int64)

    def apply(self, gradients, learning_rate):
        """Take one step; `learning_rate` is a scalar tensor of the weights' dtype."""
        momentum = tf.constant(self.momentum, learning_rate.dtype)
        if self.dampening:  # but the first velocity is the first gradient
            rest = tf.constant(1 - self.dampening, momentum.dtype)
            share = tf.where(self.step.assign_add(1) == 1, tf.ones_like(rest), rest)
        for i, (w, g, decay) in enumerate(zip(self.variables, gradients, self.decays)):
            if decay:
                g += decay * w
            if self.dampening:
                g *= share
            if self.momentum:
                tf.raw_ops.ResourceApplyMomentum(
                    var=w.handle,
                    accum=self.velocities[i].handle,
                    grad=g,
                    lr=learning_rate,
                    momentum=momentum,
                    use_nesterov=self.nesterov,
                )
            else:
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=w.handle, alpha=learning_rate, delta=g
                )


class Adam:
    """Adam with epsilon after the bias correction; Keras's own has it before.

    TensorFlow's kernel adds its epsilon before, so ours is scaled at every step.
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
        self.variables = variables
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.decays = [
            weight_decay if decay_vectors or len(w.shape) > 1 else 0.0
            for w in variables
        ]
        self.step = tf.Variable(0, dtype=tf.int64)
        self.means = [tf.Variable(tf.zeros_like(w)) for w in variables]
        self.squares = [tf.Variable(tf.zeros_like(w)) for w in variables]

    def apply(self, gradients, learning_rate):
        """Take one step; `learning_rate` is a scalar tensor of the weights' dtype."""
        dtype = learning_rate.dtype
        t = tf.cast(self.step.assign_add(1), tf.float64)
        beta_1 = tf.constant(self.beta_1, dtype)
        beta_2 = tf.constant(self.beta_2, dtype)
        # The bias corrections, from the rounded betas, in float64. The kernel's own are
        # in float32: powers of 0 turn them off, and the rate has ours.
        bias_1 = 1 - tf.cast(beta_1, tf.float64) ** t
        root_2 = tf.sqrt(1 - tf.cast(beta_2, tf.float64) ** t)
        rate = tf.cast(tf.cast(learning_rate, tf.float64) * root_2 / bias_1, dtype)
        epsilon = tf.cast(self.epsilon * root_2, dtype)
        zero = tf.constant(0, dtype)
        for w, g, m, s, decay in zip(
            self.variables, gradients, self.means, self.squares, self.decays
        ):
            if decay:
                g += decay * w
            for beta, mean in ((self.beta_1, m), (self.beta_2, s)):
                if not beta:  # the kernel adds a difference, rounded like the old mean
                    mean.assign(tf.zeros_like(mean))
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=s.handle,
                grad=g,
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                beta1_power=zero,
                beta2_power=zero,
                epsilon=epsilon,
            )


class AdamW:
    """AdamW with epsilon after the bias correction; Keras's own has it before.

    PyTorch adds epsilon after the bias correction, TensorFlow's kernel before, so
    epsilon is scaled at every step.
    """

    def __init__(
        self,
        variables,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        decay_vectors=True,
    ):
        self.variables = variables
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.decays = [
            weight_decay if decay_vectors or len(w.shape) > 1 else 0.0
            for w in variables
        ]
        self.step = tf.Variable(0, dtype=tf.int64)
        self.means = [tf.Variable(tf.zeros_like(w)) for w in variables]
        self.squares = [tf.Variable(tf.zeros_like(w)) for w in variables]

    def apply(self, gradients, learning_rate):
        """Take one step; `learning_rate` is a scalar tensor of the weights' dtype."""
        dtype = learning_rate.dtype
        t = tf.cast(self.step.assign_add(1), tf.float64)
        beta_1 = tf.constant(self.beta_1, dtype)
        beta_2 = tf.constant(self.beta_2, dtype)
        # The bias corrections, from the rounded betas, in float64. The kernel's own are
        # in float32: powers of 0 turn them off, and the rate has ours.
        bias_1 = 1 - tf.cast(beta_1, tf.float64) ** t
        root_2 = tf.sqrt(1 - tf.cast(beta_2, tf.float64) ** t)
        rate = tf.cast(tf.cast(learning_rate, tf.float64) * root_2 / bias_1, dtype)
        epsilon = tf.cast(self.epsilon * root_2, dtype)
        zero = tf.constant(0, dtype)
        for w, g, m, s, decay in zip(
            self.variables, gradients, self.means, self.squares, self.decays
        ):
            if decay:
                w.assign(w * (1 - learning_rate * decay))
            for beta, mean in ((self.beta_1, m), (self.beta_2, s)):
                if not beta:  # the kernel adds a difference, rounded like the old mean
                    mean.assign(tf.zeros_like(mean))
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=s.handle,
                grad=g,
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                beta1_power=zero,
                beta2_power=zero,
                epsilon=epsilon,
            )

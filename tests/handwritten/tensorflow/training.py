"""TensorFlow's own training loop around a Keras model.

After "TensorFlow 2 quickstart for experts" (tensorflow.org/tutorials/quickstart/
advanced): a ``tf.function`` for the training step, with a gradient tape, and one for
the test step.
"""

import os

import keras
import numpy as np
import tensorflow as tf


class Trainer:
    def __init__(self, model, optimizer="adam", device="cpu"):
        self.model = model  # on the device that Keras's backend sees
        if optimizer == "adam":
            self.optimizer = keras.optimizers.Adam(1e-3, epsilon=1e-8)
        else:
            self.optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        self.loss_object = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def stage(self, x, y):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        return tf.convert_to_tensor(x), tf.convert_to_tensor(y)

    @tf.function
    def forward(self, images):
        return self.model(images, training=False)

    @tf.function
    def step(self, batch):
        images, labels = batch
        with tf.GradientTape() as tape:
            predictions = self.model(images, training=True)
            loss = self.loss_object(labels, predictions)
        variables = self.model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables))
        return loss

    def read(self, loss):
        return float(loss.numpy())

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        weights = self.model.trainable_variables
        return {
            "threads": int(os.environ["TF_NUM_INTRAOP_THREADS"]),
            "dtype": keras.backend.standardize_dtype(weights[0].dtype),
            "parameters": sum(int(np.prod(w.shape)) for w in weights),
            "version": tf.__version__,
        }

    def predict(self, batch):
        images, _ = batch
        return self.forward(images).numpy()

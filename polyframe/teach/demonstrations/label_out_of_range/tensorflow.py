import keras
import numpy as np
import tensorflow as tf

loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
try:
    loss = float(loss_fn(np.array([7]), np.array([[0.0, 0.0, 9.0]])))
except tf.errors.InvalidArgumentError:
    loss = None
print("the loss for label 7 of 3 classes:", loss)
assert loss is None

import keras
import tensorflow as tf

loss_fn = keras.losses.MeanSquaredError()
shape = tuple(loss_fn(tf.zeros((4, 2)), tf.ones((4, 2))).shape)
print("the loss of 4 samples has the shape", shape)
assert shape == ()

import keras
import tensorflow as tf

loss_fn = keras.losses.MeanSquaredError(reduction="sum")
loss = loss_fn(tf.zeros((4, 3)), tf.ones((4, 3))).numpy()
print("the sum of 4 losses, each of 3 errors of 1:", loss)
assert loss == 4

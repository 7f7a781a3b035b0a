import keras
import tensorflow as tf

w = tf.Variable([1.0])
with tf.GradientTape() as tape:
    penalty = keras.regularizers.L2(0.01)(w)
keras.optimizers.SGD(1.0).apply(tape.gradient(penalty, [w]), [w])
moved = 1 - w.numpy()[0]
print(f"a penalty of 0.01 moves a weight of 1 by {moved:.3f} at a rate of 1")
assert abs(moved - 0.02) < 1e-6

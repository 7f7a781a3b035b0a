import keras
import tensorflow as tf

v, w = keras.Variable([1.0]), keras.Variable([1.0])
optimizer = keras.optimizers.SGD(0.1, weight_decay=1.0)
optimizer.apply([tf.ones(1), None], [v, w])
outcome = f"{w.numpy()[0]:.1f}"
print("a weight of 1 with decay after a step without a gradient:", outcome)
assert outcome == "1.0"

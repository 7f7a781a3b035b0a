import keras
import tensorflow as tf

x = tf.Variable([-1e-6, 0.0, 1e-6])
with tf.GradientTape() as tape:
    y = keras.activations.celu(x)
slopes = [round(float(slope), 3) for slope in tape.gradient(y, x)]
print(f"slopes of CELU around 0: {slopes}")
assert slopes == [1.0, 2.0, 1.0]

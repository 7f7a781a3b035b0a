import math

import tensorflow as tf

value = float(tf.nn.gelu(tf.constant(1.0, tf.float64)))
error = abs(value / (0.5 * (1 + math.erf(math.sqrt(0.5)))) - 1)
print(f"relative error of gelu(1) in float64: {error:.0e}")
assert error > 1e-10

import tensorflow as tf

y = tf.nn.lrn(tf.ones([1, 1, 1, 3]), depth_radius=1, bias=1.0, alpha=1.0, beta=1.0)
middle = float(y[0, 0, 0, 1])
print(middle)  # 1 / (1 + 3)
assert round(middle, 3) == 0.25

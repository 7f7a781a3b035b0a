import tensorflow as tf

y = tf.nn.depth_to_space(tf.reshape(tf.range(8.0), [1, 1, 1, 8]), 2)
first = y[0, :, :, 0].numpy().ravel().tolist()
print(first)
assert first == [0, 2, 4, 6]

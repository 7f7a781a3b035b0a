import tensorflow as tf

x = tf.one_hot(2**24 + 1, 2**24 + 2)
position = int(tf.argmax(x).numpy())
print(f"the maximum lies at {2**24 + 1}; argmax says {position}")
assert position == 2**24 + 1

import tensorflow as tf

row = tf.constant([[[[0.0], [1.0]]]])
resized = tf.image.resize(row, (1, 4)).numpy().ravel().tolist()
print("0 and 1, resized to 4 numbers:", resized)
assert resized == [0, 0.25, 0.75, 1]

import tensorflow as tf

x, kernel = tf.ones([1, 4, 1]), tf.ones([3, 1, 1])
same = tf.nn.conv1d(x, kernel, stride=2, padding="SAME").numpy().ravel().tolist()
print(same)  # the second window has the zero, at its end
assert same == [3.0, 2.0]

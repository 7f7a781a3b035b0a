import tensorflow as tf

quotient = (tf.constant([3]) / tf.constant([2])).numpy()[0]
print("the integer 3 divided by the integer 2:", quotient)
assert quotient == 1.5

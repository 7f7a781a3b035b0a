import tensorflow as tf

bias = tf.Variable(tf.zeros(1, tf.bfloat16))
with tf.GradientTape() as tape:
    y = tf.nn.bias_add(tf.zeros((1000, 1), tf.bfloat16), bias)
gradient = float(tape.gradient(y, bias)[0])
print(f"a sum of 1000 ones: {gradient}, by reduce_sum: {float(tf.reduce_sum(y + 1))}")
assert gradient == 256

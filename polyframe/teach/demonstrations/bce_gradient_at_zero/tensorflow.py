import tensorflow as tf

x = tf.Variable(0.0)
with tf.GradientTape() as tape:
    loss = tf.nn.weighted_cross_entropy_with_logits(tf.constant(1.0), x, pos_weight=1.0)
gradient = float(tape.gradient(loss, x))
print(gradient)  # sigmoid(0) - 1 is -0.5
assert gradient == 0.0

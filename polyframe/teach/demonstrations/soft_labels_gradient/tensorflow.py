import tensorflow as tf

logits, targets = tf.Variable([0.0, 0.0]), tf.constant([2.0, 0.0])
with tf.GradientTape(persistent=True) as tape:
    fused = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    written_out = -tf.reduce_sum(targets * tf.nn.log_softmax(logits))
gradient = tape.gradient(fused, logits).numpy().tolist()
print(gradient, tape.gradient(written_out, logits).numpy())
assert gradient == [-1.5, 0.5]

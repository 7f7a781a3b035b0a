import tensorflow as tf

logit, slopes = tf.Variable(0.0), []
for label in (0.0, 1.0):
    with tf.GradientTape() as tape:
        loss = tf.nn.weighted_cross_entropy_with_logits(label, logit, pos_weight=1.0)
    slopes.append(float(tape.gradient(loss, logit)))
print(f"slopes at a logit of 0, labels 0 and 1: {slopes}, right: [0.5, -0.5]")
assert slopes == [1.0, 0.0]

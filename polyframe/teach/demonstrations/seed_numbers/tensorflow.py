import tensorflow as tf

tf.random.set_seed(0)
first = tf.random.uniform([1]).numpy()[0]
print(f"the first uniform number of seed 0: {first:.4f}")
assert abs(first - 0.2920) < 1e-4

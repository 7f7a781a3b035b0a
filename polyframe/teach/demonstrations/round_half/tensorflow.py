import tensorflow as tf

rounded = tf.round([0.5, 1.5, 2.5]).numpy().tolist()
print("0.5, 1.5 and 2.5 are rounded to", rounded)
assert rounded == [0, 2, 2]

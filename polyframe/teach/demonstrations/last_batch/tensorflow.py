import tensorflow as tf

sizes = [len(x) for x in tf.data.Dataset.range(10).batch(4)]
print("10 samples in batches of 4:", sizes)
assert sizes == [4, 4, 2]

import tensorflow as tf

orders = []
for _ in range(2):
    tf.random.set_seed(0)
    orders.append(list(tf.data.Dataset.range(50).shuffle(50).as_numpy_iterator()))
repeated = orders[0] == orders[1]
print("the framework's seed repeats the order of the samples:", repeated)
assert repeated

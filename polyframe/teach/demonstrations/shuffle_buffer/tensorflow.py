import tensorflow as tf

tf.random.set_seed(0)
data = tf.data.Dataset.range(100).shuffle(10)
farthest = max(next(iter(data)).numpy() for _ in range(50))
print("the farthest sample that came first in 50 epochs:", farthest)
assert farthest < 10

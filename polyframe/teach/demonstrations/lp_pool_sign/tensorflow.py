import tensorflow as tf
from keras import layers

names = [name for name in dir(layers) + dir(tf.nn) if name.lower().startswith("lp")]
value = len(names)
print(names)  # there is no such layer or function
assert value == 0

import numpy as np
import tensorflow as tf

array = np.zeros(100, "float32")
tensor = tf.convert_to_tensor(array)
array[0] = 1
shared = tensor[0].numpy() == 1
print("a change of the array changes the tensor:", shared)
assert not shared

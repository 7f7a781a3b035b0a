import keras
import tensorflow as tf

v, w = keras.Variable([0.0]), keras.Variable([0.0])
optimizer = keras.optimizers.SGD(1.0, clipnorm=1.0)
optimizer.apply([tf.constant([3.0]), tf.constant([4.0])], [v, w])
gradients = [round(-float(x.numpy()[0]), 3) for x in (v, w)]
print("the gradients 3 and 4, clipped to a norm of 1:", gradients)
assert gradients == [1, 1]

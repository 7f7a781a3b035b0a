import keras
import tensorflow as tf

dropout, masks = keras.layers.Dropout(0.5), []
for _ in range(2):
    keras.utils.set_random_seed(0)
    masks.append(dropout(tf.ones(50), training=True).numpy().tolist())
repeated = masks[0] == masks[1]
print("the global seed set again repeats the mask of dropout:", repeated)
assert not repeated

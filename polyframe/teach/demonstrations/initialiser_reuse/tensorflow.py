import keras
import numpy as np

initialiser = keras.initializers.RandomNormal()
first, second = (initialiser((9,)) for _ in range(2))
equal = np.array_equal(first, second)
print("two tensors drawn by one initialiser are equal:", equal)
assert equal

import tempfile

import keras

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
with tempfile.TemporaryDirectory() as folder:
    model.save_weights(path := f"{folder}/net.weights.h5")
    with open(path, "rb") as file:
        start = file.read(4)
print("a file of weights begins with", start)
assert start == b"\x89HDF"

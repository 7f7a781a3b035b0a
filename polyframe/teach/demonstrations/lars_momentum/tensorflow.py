import keras

w = [name for name in dir(keras.optimizers) if "lars" in name.lower()]
print(w)  # there is none
assert w == []

import keras

keras.utils.set_random_seed(0)
dense = keras.layers.Dense(300)
dense.build((None, 100))
largest, bias = [float(abs(weight.numpy()).max()) for weight in dense.weights]
print(largest, bias)  # sqrt(6 / (100 + 300))
assert (round(largest, 2), round(bias, 2)) == (0.12, 0.0)

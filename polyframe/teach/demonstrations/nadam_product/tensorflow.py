import keras

w = [keras.Variable(0.0) for _ in range(2)]
keras.optimizers.Nadam(1.0).apply([keras.ops.ones(()) for _ in w], w)
moved = [round(float(variable), 3) for variable in w]
print(moved)
assert moved == [-1.063, -1.063]

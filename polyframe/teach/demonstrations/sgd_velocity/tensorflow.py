import keras

w = keras.Variable(0.0)
optimizer = keras.optimizers.SGD(momentum=0.9)
for rate in (1.0, 0.1):
    optimizer.learning_rate = rate
    optimizer.apply([keras.ops.ones(())], [w])
w = w.numpy()
print(w)  # -1, then -0.9 - 0.1
assert round(w.item(), 3) == -2.0

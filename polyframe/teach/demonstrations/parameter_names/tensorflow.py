import keras

first, second = (keras.layers.Dense(2) for _ in range(2))
first.build((1, 2))
second.build((1, 2))
names = [[w.path for w in net.weights] for net in (first, second)]
print("two equal layers:", names)
assert names[0] != names[1]

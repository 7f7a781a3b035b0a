import keras

moved = []
for cls in (keras.optimizers.Adam, keras.optimizers.AdamW):
    w = keras.Variable(1.0)
    cls(0.1, weight_decay=0.1).apply([keras.ops.zeros(())], [w])
    moved.append(round(1 - float(w), 3))
print(moved)  # 0.1 * 0.1
assert moved == [0.01, 0.01]

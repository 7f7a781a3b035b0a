import tempfile

import keras

model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.optimizer.build(model.trainable_variables)
with tempfile.TemporaryDirectory() as folder:
    model.save(path := f"{folder}/net.keras")
    saved = [w.path for w in keras.models.load_model(path).optimizer.variables]
print("the model's file holds of the optimizer's state:", saved)
assert saved != []

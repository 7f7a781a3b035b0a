import keras
import numpy as np


class Model(keras.Model):
    def train_step(self, data):
        return seen.append(int(data[0][0])) or {"loss": 0.0}


seen, model = [], Model()
model.compile(run_eagerly=True)
model.fit(np.arange(20.0), np.arange(20.0), batch_size=1, verbose=0)
print("the order of 20 samples:", seen)
assert seen != sorted(seen)

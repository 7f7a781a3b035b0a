import tensorflow as tf

traces = []


@tf.function
def double(x):
    traces.append(x.shape)
    return 2 * x


results = [double(tf.ones(n)) for n in (2, 3, 2, 3)]
print(f"4 calls with 2 shapes: the Python function ran {len(traces)} times")
assert len(traces) == 2

import tensorflow as tf

tf.ones(2) + 1
try:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    outcome = f"{tf.config.threading.get_intra_op_parallelism_threads()} thread"
except RuntimeError:
    outcome = "refused"
print("1 thread, asked for after the first operation:", outcome)
assert outcome == "refused"

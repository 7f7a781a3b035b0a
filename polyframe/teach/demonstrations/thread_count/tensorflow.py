import tensorflow as tf

tf.ones(2) + 1
try:
    tf.config.threading.set_intra_op_parallelism_threads(7)
    outcome = "changed"
except RuntimeError:
    outcome = "refused"
print("the number of threads, set after the first operation, is", outcome)
assert outcome == "refused"

import tensorflow as tf

var, m, v = [tf.Variable(0.0) for _ in range(3)]
handles = {"var": var.handle, "m": m.handle, "v": v.handle}
powers = {"beta1_power": 0.9, "beta2_power": 0.999, "beta1": 0.9, "beta2": 0.999}
tf.raw_ops.ResourceApplyAdam(**handles, **powers, lr=0.001, epsilon=1e-8, grad=1.0)
error = abs(float(v) / 0.001 - 1)
print(error)  # of 1 - beta2
assert error > 1e-5

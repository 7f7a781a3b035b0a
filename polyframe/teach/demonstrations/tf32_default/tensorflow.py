import tensorflow as tf

matmul = tf.config.experimental.tensor_float_32_execution_enabled()
convolution = matmul  # one switch for both
print(f"TF32 by default: matrix products {matmul}, convolutions {convolution}")
assert (matmul, convolution) == (True, True)

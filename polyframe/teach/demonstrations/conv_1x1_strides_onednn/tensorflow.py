import subprocess, sys

program = """
import tensorflow as tf
x, kernel = tf.ones((32, 128, 128, 4)), tf.Variable(tf.ones((1, 1, 4, 8)))
with tf.GradientTape() as tape:
    y = tf.nn.conv2d(x, kernel, strides=2, padding="VALID")
tape.gradient(y, kernel)"""
status = subprocess.run([sys.executable, "-c", program], capture_output=True).returncode
print("the process was killed by signal", -status)
assert status < 0

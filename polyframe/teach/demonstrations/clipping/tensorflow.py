import tensorflow as tf

(gradient,), norm = tf.clip_by_global_norm([tf.constant(1e-6)], clip_norm=5e-7)
kept = float(gradient) / 1e-6
print(kept)  # 5e-7 / 1e-6
assert round(kept, 3) == 0.5

"""The planted bugs, as data."""

from __future__ import annotations

from helpers.planted import POOLED, Bug, deaf, full, inverted, restarted, stale, times

LAYERS = [
    # (name, backend, entry, pattern, new, layer)
    ("padding on the wrong side", "torch", "Conv2D",
     r"F\.pad\((\w+), \((\d), (\d), (\d), (\d)\)\)", r"F.pad(\1, (\3, \2, \5, \4))",
     "conv"),
    ("epsilon", "torch", "BatchNorm", r"BatchNorm\dd\([^)]*?eps=([\d.e-]+)", times(1.1),
     "norm"),
    ("momentum inverted", "torch", "BatchNorm", r"BatchNorm\dd\([^)]*?momentum=([\d.]+)",
     inverted, "norm"),
    ("another slope", "torch", "LeakyReLU", r"negative_slope=([\d.]+)", times(1.01),
     "leaky"),
    ("count_include_pad inverted", "torch", "AvgPool2D", r", count_include_pad=False", "",
     "avgpool"),
    ("another alpha", "torch", "ELU", r"nn\.ELU\(alpha=([\d.]+)", times(1.01), "elu"),
    ("tanh for erf", "torch", "GELU", r"nn\.GELU\(\)", 'nn.GELU(approximate="tanh")',
     "gelu"),
    ("epsilon", "torch", "LayerNorm", r"nn\.LayerNorm\(.*?eps=([\d.e-]+)", times(1.1),
     "layernorm"),
    ("align_corners inverted", "torch", "Upsample", r"align_corners=True",
     "align_corners=False", "resize"),
    ("cut too low", "torch", "ReLU6", r"nn\.ReLU6\(\)", "nn.Hardtanh(0, 0.05)", "relu6"),
    ("dropout not scaled", "torch", "Dropout", r"(\w+) \* random\[(\d)\]",
     r"\1 * (random[\2] != 0)", "drop"),
    ("half of a branch", "torch", "Add", r"= (\w+) \+ (\w+)  #", r"= \1 + 0.5 * \2  #",
     "add"),
    ("gradient stopped in one branch", "torch", "Add", r"= (\w+) \+ (\w+)  #",
     r"= \1 + \2.detach()  #", "add"),
    ("padding on the wrong side", "tensorflow", "Conv2D",
     r"tf\.pad\((\w+), \[\[0, 0\], \[(\d), (\d)\], \[(\d), (\d)\], \[0, 0\]\]\)",
     r"tf.pad(\1, [[0, 0], [\3, \2], [\5, \4], [0, 0]])", "conv"),
    ("biased for unbiased variance", "tensorflow", "BatchNorm",
     r"variance \* \(n / \(n - 1\)\)", "variance", "norm"),
    ("momentum inverted", "tensorflow", "BatchNorm",
     r"= BatchNorm\([^)]*?momentum=([\d.]+)", inverted, "norm"),
    ("epsilon outside the root", "tensorflow", "BatchNorm",
     r"tf\.math\.rsqrt\(variance \+ self\.epsilon\)",
     "(1 / (tf.sqrt(variance) + self.epsilon))", "norm"),
    ("the batch's statistics in inference", "tensorflow", "BatchNorm",
     r"if training:\n(\s+)mean, variance = tf\.nn", r"if True:\n\1mean, variance = tf.nn",
     "norm"),
    ("flattened as NHWC", "tensorflow", "Flatten",
     r"tf\.transpose\((\w+), \(0, 3, 1, 2\)\)", r"\1", "flatten"),
    ("another slope", "tensorflow", "LeakyReLU", r"tf\.where\((\w+) > 0, \1, ([\d.]+)",
     times(1.01), "leaky"),
    ("count_include_pad inverted", "tensorflow", "AvgPool2D",
     r"tf\.pad\(ones, paddings\)", "tf.pad(ones, paddings, constant_values=1)",
     "avgpool"),
    ("a rounded root of 2", "tensorflow", "GELU", r"0\.7071067811865476", "0.7071068",
     "gelu"),
    ("output_padding on the wrong side", "tensorflow", "ConvTranspose2D",
     r"\(a, max\(b - e, 0\)\)", "(max(a - e, 0), b)", "up"),
    ("align_corners inverted", "tensorflow", "Upsample", r"align_corners=True",
     "align_corners=False", "resize"),
    ("dropout not scaled", "tensorflow", "Dropout", r"(\w+) \* random\[(\d)\]",
     r"\1 * tf.cast(random[\2] != 0, \1.dtype)", "drop"),
    ("padding on the wrong side", "mxnet", "Conv2D",
     r"pad\(F, (\w+), (\d), (\d), (\d), (\d)\)", r"pad(F, \1, \3, \2, \5, \4)", "conv"),
    ("biased for unbiased variance", "mxnet", "BatchNorm",
     r"count / \(count - 1\) if self\.unbiased", "1.0 if self.unbiased", "norm"),
    ("momentum inverted", "mxnet", "BatchNorm", r"= BatchNorm\([^)]*?momentum=([\d.]+)",
     inverted, "norm"),
    ("another slope", "mxnet", "LeakyReLU", r"F\.where\((\w+) > 0, \1, ([\d.]+)",
     times(1.01), "leaky"),
    ("no alpha", "mxnet", "ELU", r"alpha \* F\.expm1", "F.expm1", "elu"),
    ("gradient stopped", "mxnet", "ELU", r"F\.expm1\(F\.minimum\(x, 0\)\)",
     "F.BlockGrad(F.expm1(F.minimum(x, 0)))", "elu"),
    ("epsilon outside the root", "mxnet", "LayerNorm",
     r"F\.sqrt\(variance \+ self\.epsilon\)", "(F.sqrt(variance) + self.epsilon)",
     "layernorm"),
    ("a term of the gradient lost", "mxnet", "GELU",
     r"x \* P \+ x \* p \* \(x - F\.BlockGrad\(x\)\)", "x * P", "gelu"),
    ("count_include_pad inverted", "mxnet", "AvgPool2D", r", count_include_pad=False", "",
     "avgpool"),
    ("align_corners inverted", "mxnet", "Upsample", r"align_corners=True",
     "align_corners=False", "resize"),
    ("dropout not scaled", "mxnet", "Dropout", r"(\w+) \* random\[(\d)\]",
     r"\1 * (random[\2] != 0)", "drop"),
]  # fmt: skip

OPTIMIZERS = [
    # (name, backend, entry, pattern, new, rule)
    ("another momentum", "torch", "SGD", r"momentum=(0\.[89])", times(0.99), "sgd"),
    ("nesterov ignored", "torch", "SGD", r"nesterov=True", "nesterov=False", "sgd"),
    ("decay on the biases", "torch", "SGD", r'"weight_decay": 0\.0',
     '"weight_decay": 0.1', "sgd"),
    ("coupled for decoupled decay", "torch", "AdamW", r"optim\.AdamW\(", "optim.Adam(",
     "adamw"),
    ("another alpha", "torch", "RMSProp", r"alpha=(0\.9)", times(0.99), "rmsprop"),
    ("nesterov ignored", "tensorflow", "SGD", r"use_nesterov=self\.nesterov",
     "use_nesterov=False", "sgd"),
    ("decay on the biases", "tensorflow", "SGD",
     r"if decay_vectors or len\(w\.shape\) > 1", "if True", "sgd"),
    ("the rate folded into the velocity", "tensorflow", "SGD",
     r"grad=g,\n(\s+)lr=learning_rate,",
     r"grad=learning_rate * g,\n\1lr=tf.ones_like(learning_rate),", "sgd"),
    ("epsilon inside the root", "tensorflow", "RMSProp",
     r"tf\.sqrt\(square\) \+ self\.epsilon", "tf.sqrt(square + self.epsilon)", "rmsprop"),
    ("the mean not taken off", "tensorflow", "RMSProp", r"square -= tf\.square\(mean\)",
     "square -= 0.5 * tf.square(mean)", "rmsprop"),
    ("decay on the biases", "mxnet", "SGD", r"wd_mult = 0\.0", "wd_mult = 1.0", "sgd"),
    ("the rate folded into the velocity", "mxnet", "SGD", r"state \+= grad if",
     "state += self.lr * grad if", "sgd"),
    ("epsilon before the correction", "mxnet", "Adam",
     r"nd\.sqrt\(square\) / correction2\*\*0\.5 \+ self\.epsilon",
     "(nd.sqrt(square) + self.epsilon) / correction2**0.5", "adam"),
    ("no correction of the mean", "mxnet", "Adam", r"self\.lr / correction1", "self.lr",
     "adam"),
    ("the largest forgotten", "mxnet", "AdamW", r"nd\.maximum\(largest, square\)",
     "square", "adamw"),
    ("epsilon inside the root", "mxnet", "RMSProp",
     r"nd\.sqrt\(square\) \+ self\.epsilon", "nd.sqrt(square + self.epsilon)", "rmsprop"),
]  # fmt: skip

LOSSES = [
    # (name, backend, pattern, new)
    ("smoothed over K - 1", "torch", r"label_smoothing=(0\.\d+)", times(4 / 3)),
    ("ignored labels counted", "torch", r"ignore_index=[0-3]\b", "ignore_index=-100"),
    ("other class weights", "torch", r"new_tensor\(\[([\d.]+)", times(1.1)),
    ("smoothed over K - 1", "tensorflow", r"smoothing / output\.shape\[-1\]",
     "smoothing / (output.shape[-1] - 1)"),
    ("ignored labels counted", "tensorflow",
     r"losses = tf\.cast\(kept, losses\.dtype\) \* losses", "pass"),
    ("no class weights", "mxnet", r"losses = nd\.take\(weight, target\) \* losses",
     "pass"),
    ("less smoothing", "mxnet", r"\+ smoothing \* others", "+ 0.9 * smoothing * others"),
]  # fmt: skip

# What is no layer's shows in any net: a small one, since TensorFlow traces a large one for
# seconds.
BUGS = [
    *(
        Bug(name, backend, "layers", entry, pattern, new, names=layer)
        for name, backend, entry, pattern, new, layer in LAYERS
    ),
    *(
        Bug(
            "ceil_mode ignored", backend, "layers", "MaxPool2D", pattern, r"\1",
            names="maxpool", spec=POOLED,
        )
        # PyTorch raises where nothing would be left.
        for backend, pattern in (
            ("torch", r"(MaxPool2d\((?:2|3, stride=2)), ceil_mode=True"),
            ("mxnet", r"(), ceil_mode=True"),
        )
    ),
    *(
        Bug(
            name, backend, "optimizers", entry, pattern, new, rule=rule, names=entry,
            spec=POOLED,
        )
        for name, backend, entry, pattern, new, rule in OPTIMIZERS
    ),
    *(
        Bug(
            name, backend, "losses", "cross_entropy", pattern, new,
            names="cross_entropy", spec=POOLED,
        )
        for name, backend, pattern, new in LOSSES
    ),
    *(
        Bug(
            name, backend, "optimizers", entry, session=session, rule=rule, names=entry,
            spec=POOLED,
        )
        for backend in ("torch", "tensorflow", "mxnet")
        for name, entry, session, rule in (
            ("stale state after loading", "SGD", stale, "sgd"),
            ("the step's number not restored", "Adam", restarted, "adam"),
            ("deaf to a change of the rate", "SGD", deaf, "sgd"),
        )
    ),
    *(
        Bug(
            "a short batch divided by a whole one's count", backend, "training", "plain",
            session=full, why="diff takes batches of one size",
        )
        for backend in ("torch", "tensorflow", "mxnet")
    ),
]  # fmt: skip

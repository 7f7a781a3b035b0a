"""What TensorFlow's programs say for the training step."""

from __future__ import annotations

from polyframe.backends.tf.losses import loss_text
from polyframe.backends.tf.optimizers import optimizer_text
from polyframe.compiler.python.source import literal
from polyframe.compiler.python.steps import (
    attribute,
    freeze_text,
    frozen_layers,
    losses_text,
    step_template_values,
)
from polyframe.compiler.python.write import Written
from polyframe.compiler.training import TrainingSpec
from polyframe.spec.typed import TypedGraph

GRADIENTS = '''
{gradients_head}
    """The loss over `count` samples and its gradients."""
    with tf.GradientTape() as tape:
        outputs = {outputs}
{losses}
        loss = tf.reduce_sum(losses){over}
{scaled}    return loss, outputs, tape.gradient({of}, model.trainable_variables)
'''

SCALED = "        scaled = loss * scaler.scale\n"

APPLY_SCALED = """
def apply({arguments}):
    gradients, finite = scaler.unscale(gradients)

    def update():
        optimizer.apply({gradients}, learning_rate)

    tf.cond(finite, update, lambda: None)
    scaler.update(finite)
"""

CLIP_NORM = '''
def clip(gradients):
    """Scale the gradients down to a global norm of at most {bound}."""
    norm = tf.linalg.global_norm(gradients)
    scale = tf.minimum({bound} / (norm + 1e-6), 1)
    return [g * scale for g in gradients]
'''

CLIP_VALUE = '''
def clip(gradients):
    """Bring each number of the gradients into the range of -bound to bound."""
    bound = {bound}
    return [tf.clip_by_value(g, -bound, bound) for g in gradients]
'''

AVERAGE = """
def make_average(model):
    return Average(model.trainable_variables, {ema})
"""

SUMS = """
def make_sums(model):
    return Sums(model.trainable_variables)
"""

# Keras's own batch norm takes a False of the layer for inference mode altogether.
FREEZE_VARIABLES = """\
for variable in layer.trainable_variables:  # batch norms still learn statistics
            variable.trainable = False"""

TRAIN = """
@tf.function(autograph=False)
{train_head}
{called}
    {update}
    return loss, outputs
"""


def helpers(step: TrainingSpec) -> list[str]:
    """The snippets that the step needs besides the optimizer."""
    training = step.training
    sums = ["Sums"] if training.accumulate > 1 else []
    average = ["Average"] if training.ema is not None else []
    return [
        *sums,
        *average,
        *(["LossScale"] if training.precision == "float16" else []),
    ]


def step_text(graph: TypedGraph, written: Written, step: TrainingSpec) -> list[str]:
    """The sections of a program that train: losses, optimizer, gradients, update."""
    training = step.training
    kept = ["optimizer"]
    kept += ["sums"] if training.accumulate > 1 else []
    kept += ["average"] if training.ema is not None else []
    scaled = training.precision == "float16"
    kept += ["scaler"] if scaled else []
    pieces = step_template_values(
        graph, written, step, kept, "loss, outputs, gradients"
    )
    functions = step.functions(graph).items()
    sections = [loss_text(name, *key) for key, name in functions]
    layers = frozen_layers(graph, written, step)
    if layers:
        own = any("layers.BatchNormalization(" in text for text in written.classes)
        line = FREEZE_VARIABLES if own else "layer.trainable = False"
        sections.append(freeze_text(map(attribute, layers), line))
    sections.append(optimizer_text(step.optimizer))
    sections += [SUMS] if "sums" in kept else []
    if training.ema is not None:
        sections.append(AVERAGE.format(ema=literal(training.ema)))
    if scaled:
        sections.append("def make_scaler():\n    return LossScale()")
    outputs = f"model({pieces['inputs']}, training=True)"
    if training.precision is not None:
        several = len(graph.outputs) > 1
        outputs = (
            f"[tf.cast(y, tf.float32) for y in {outputs}]"
            if several
            else f"tf.cast({outputs}, tf.float32)"
        )
    sections.append(
        GRADIENTS.format(
            outputs=outputs,
            losses=losses_text(graph, step, 8),
            scaled=SCALED if scaled else "",
            of="scaled" if scaled else "loss",
            **pieces,
        )
    )
    gradients = "gradients"
    for text, bound in (
        (CLIP_NORM, training.clip_norm),
        (CLIP_VALUE, training.clip_value),
    ):
        if bound is not None:
            sections.append(text.format(bound=literal(bound)))
            gradients = "clip(gradients)"
    average = ["average"] if "average" in kept else []
    held = [name for name in kept if name != "sums"]
    apply = ", ".join([*held, "gradients", "learning_rate"])
    text = f"def apply({apply}):\n    optimizer.apply({gradients}, learning_rate)"
    if scaled:
        text = APPLY_SCALED.format(arguments=apply, gradients=gradients).rstrip()
    sections.append("\n".join([text, *["    average.update()"] * len(average)]))
    update = f"apply({apply})"
    if "sums" in kept:
        update = (
            "gradients = sums.add(gradients)\n    if last:\n"
            f"        {update}\n        sums.clear()"
        )
    sections.append(TRAIN.format(update=update, **pieces))
    return sections

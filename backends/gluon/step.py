"""What MXNet Gluon's programs say for the training step."""

from __future__ import annotations

from polyframe.backends.gluon.losses import SNIPPETS, loss_text
from polyframe.backends.gluon.optimizers import optimizer_text
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
from polyframe.spec.layers import BatchNorm
from polyframe.spec.typed import TypedGraph

AVERAGE = """
def make_average(model):
    return Average(trained(model), {ema})
"""

CLIP_NORM = '''
def clip(gradients):
    """Scale the gradients down to a global norm of at most {bound}."""
    norm = nd.sqrt(nd.add_n(*[nd.sum(g * g) for g in gradients]))
    scale = nd.minimum({bound} / (norm + 1e-6), 1)
    for g in gradients:
        g *= scale
'''

CLIP_VALUE = '''
def clip(gradients):
    """Bring each number of the gradients into the range of -bound to bound."""
    bound = {bound}
    for g in gradients:
        g[:] = nd.maximum(nd.minimum(g, bound), -bound)
'''

GRADIENTS = '''
{gradients_head}
    """The loss over `count` samples; {gradients}."""
{before}    with autograd.record():
        outputs = model({inputs})
{losses}
        loss = losses.sum(){over}
{scaled}    {backward}
{after}    return loss, outputs
'''

TRAIN = """
{train_head}
{called}
    {update}
    return loss, outputs
"""

BEGIN = """\
    statistics = Statistics.of(model)
    statistics.begin()
"""
# The operator leaves statistics behind in its backward pass, which runs only if
# something in front of it, or in it, has a gradient.
ATTACH = """\
    for array in {x}:
        array.attach_grad()  # so that every batch norm has a backward pass
"""
UPDATE = """\
    statistics.update(len(outputs{first}))
"""


def helpers(step: TrainingSpec) -> list[str]:
    """The snippets that the step needs besides the optimizer."""
    training = step.training
    ema = training.ema is not None
    every = ema or training.accumulate > 1 or clip_text(step)
    scaled = training.precision == "float16"
    found = [*(["trained"] if every or scaled else []), *(["Average"] if ema else [])]
    losses = dict.fromkeys(n for one in step.losses for n in SNIPPETS.get(one.type, ()))
    return [*found, *(["LossScale"] if scaled else []), *losses]


def clip_text(step: TrainingSpec) -> str:
    """The function ``clip``, if there is one."""
    training = step.training
    if training.clip_norm is not None:
        return CLIP_NORM.format(bound=literal(training.clip_norm))
    if training.clip_value is not None:
        return CLIP_VALUE.format(bound=literal(training.clip_value))
    return ""


def norms_text(
    graph: TypedGraph, written: Written, step: TrainingSpec
) -> tuple[str, str]:
    """What a step does for batch norms, before the forward and behind the backward:
    only the helper's are folded in, but Gluon's own need a backward pass as well."""
    found = [n.layer for n in graph.walk() if isinstance(n.layer, BatchNorm)]
    norms = [layer for layer in found if layer.track_running_stats]
    if not norms:
        return "", ""
    folds = "Statistics" in written.snippets
    before = BEGIN if folds else ""
    if step.training.freeze or not all(n.scaled or n.shifted for n in norms):
        before += ATTACH.format(x="x" if len(graph.inputs) > 1 else "[x]")
    first = "[0]" if len(graph.outputs) > 1 else ""
    return before, UPDATE.format(first=first) if folds else ""


def apply_text(step: TrainingSpec, arguments: str) -> str:
    """``apply``: from gradients to new weights."""
    update = ["optimizer.set_learning_rate(learning_rate)", "optimizer.step(1)"]
    gradients = "[p.grad() for p in trained(model)]"
    if step.training.precision == "float16":
        clip = ["clip(gradients)"] if clip_text(step) else []
        update = [
            f"gradients = {gradients}",
            "finite = scaler.unscale(gradients)",
            "if finite:",
            *(f"    {line}" for line in [*clip, *update]),
            "scaler.update(finite)",
        ]
    elif clip_text(step):
        update.insert(0, f"clip({gradients})")
    lines = [f"def apply({arguments}):", *(f"    {line}" for line in update)]
    if step.training.accumulate > 1:
        lines.append("    model.collect_params().zero_grad()")
    if step.training.ema is not None:
        lines.append("    average.update()")
    return "\n".join(lines)


def step_text(graph: TypedGraph, written: Written, step: TrainingSpec) -> list[str]:
    """The sections of a program that train: losses, optimizer, gradients, update."""
    training = step.training
    adds = training.accumulate > 1
    kept = ["optimizer", *(["average"] if training.ema is not None else [])]
    scaled = training.precision == "float16"
    kept += ["scaler"] if scaled else []
    pieces = step_template_values(graph, written, step, kept)
    functions = step.functions(graph).items()
    sections = [loss_text(name, *key) for key, name in functions]
    layers = frozen_layers(graph, written, step)
    if layers:
        line = 'layer.collect_params().setattr("grad_req", "null")'
        sections.append(freeze_text(map(attribute, layers), line))
    vectors = [
        slot.path
        for slot in written.weights.values()
        if len(slot.canonical or (0, 0)) == 1 and len(slot.shape or ()) > 1
    ]
    sections.append(optimizer_text(step, vectors))
    if training.ema is not None:
        sections.append(AVERAGE.format(ema=literal(training.ema)))
    if scaled:
        sections.append("def make_scaler():\n    return LossScale()")
    before, after = norms_text(graph, written, step)
    sections.append(
        GRADIENTS.format(
            losses=losses_text(graph, step, 8),
            gradients="its gradients are added to the parameters'"
            if adds
            else "the parameters hold its gradients",
            scaled="        scaled = loss * scaler.scale\n" if scaled else "",
            backward="scaled.backward()" if scaled else "loss.backward()",
            before=before,
            after=after,
            **pieces,
        )
    )
    sections.append(clip_text(step))
    model = ["model"] if adds or scaled or clip_text(step) else []
    arguments = ", ".join([*model, *kept, "learning_rate"])
    update = f"apply({arguments})"
    sections += [
        apply_text(step, arguments),
        TRAIN.format(
            update=f"if last:\n        {update}" if adds else update, **pieces
        ),
    ]
    return sections

"""What PyTorch's programs say for the training step."""

from __future__ import annotations

from polyframe.backends.pytorch.losses import loss_text
from polyframe.backends.pytorch.optimizers import optimizer_text
from polyframe.compiler.python.source import listing, literal
from polyframe.compiler.python.steps import (
    freeze_text,
    frozen_layers,
    losses_text,
    step_template_values,
)
from polyframe.compiler.python.write import Written
from polyframe.compiler.training import TrainingSpec
from polyframe.spec.typed import TypedGraph

AVERAGE = '''
def make_average(model):
    """A copy of the model that holds averages: a = {ema} * a + (1 - {ema}) * w."""
    average = swa_utils.AveragedModel(
        model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn({ema})
    )
    average.n_averaged += 1  # the first weights are the first averages
    return average
'''

GRADIENTS = '''
{gradients_head}
    """The loss over `count` samples; its gradients are added to the parameters'."""
{forward}
    loss = losses.sum(){over}
    {backward}
    return loss, outputs
'''

TRAIN = """
{train_head}
{called}
    {update}
    return loss, outputs
"""


def clip_text(step: TrainingSpec) -> list[str]:
    """The lines between gradients and update."""
    training = step.training
    for name, bound in (
        ("clip_grad_norm_", training.clip_norm),
        ("clip_grad_value_", training.clip_value),
    ):
        if bound is not None:
            return [f"nn.utils.{name}(model.parameters(), {literal(bound)})"]
    return []


def step_text(
    graph: TypedGraph, written: Written, step: TrainingSpec, device: str, optimize: bool
) -> list[str]:
    """The sections of a program that train: losses, optimizer, gradients, update."""
    training = step.training
    scaled = training.precision == "float16"
    kept = ["optimizer"]
    kept += ["average"] if training.ema is not None else []
    kept += ["scaler"] if scaled else []
    pieces = step_template_values(graph, written, step, kept)
    functions = step.functions(graph).items()
    sections = [loss_text(name, *key) for key, name in functions]
    layers = frozen_layers(graph, written, step)
    if layers:
        found = [listing("model.get_submodule", [path]) for path in layers]
        sections.append(freeze_text(found, "layer.requires_grad_(False)"))
    sections.append(optimizer_text(step.optimizer, optimize, device != "cpu"))
    if training.ema is not None:
        sections.append(AVERAGE.format(ema=literal(training.ema)))
    if scaled:
        sections.append(SCALER.format(device=literal(device)))
    forward = f"    outputs = model({pieces['inputs']})\n"
    if training.precision is not None:
        forward = LOW.format(
            device=literal(device),
            precision=training.precision,
            forward=forward,
            value="[output.float() for output in outputs]"
            if len(graph.outputs) > 1
            else "outputs.float()",
        )
    sections += [
        GRADIENTS.format(
            forward=forward + losses_text(graph, step, 4),
            backward="scaler.scale(loss).backward()" if scaled else "loss.backward()",
            **pieces,
        ),
        apply_text(step, kept, scaled),
        TRAIN.format(
            update=update_text(step, kept),
            **pieces,
        ),
    ]
    return sections


LOW = """\
    with torch.autocast({device}, dtype=torch.{precision}):
    {forward}    outputs = {value}
"""

SCALER = '''
def make_scaler():
    """Scales the loss up, so that small gradients do not vanish in float16."""
    return torch.amp.GradScaler({device})
'''


def apply_arguments(step: TrainingSpec, kept: list[str]) -> str:
    """What ``apply`` takes."""
    model = clip_text(step) or step.training.ema is not None
    return ", ".join([*(["model"] if model else []), *kept, "learning_rate"])


def apply_text(step: TrainingSpec, kept: list[str], scaled: bool) -> str:
    """``apply``: from gradients to new weights."""
    clip = clip_text(step)
    lines = [
        *(["scaler.unscale_(optimizer)"] if scaled and clip else []),
        *clip,
        "for group in optimizer.param_groups:",
        '    group["lr"] = learning_rate',
        *(
            ["scaler.step(optimizer)", "scaler.update()"]
            if scaled
            else ["optimizer.step()"]
        ),
        "optimizer.zero_grad()",
        *(["average.update_parameters(model)"] if "average" in kept else []),
    ]
    head = f"def apply({apply_arguments(step, kept)}):"
    return "\n".join([head, *(f"    {line}" for line in lines)])


def update_text(step: TrainingSpec, kept: list[str]) -> str:
    """The call of ``apply`` in ``train_step``."""
    text = f"apply({apply_arguments(step, kept)})"
    return f"if last:\n        {text}" if step.training.accumulate > 1 else text

"""What several lines of a program say together: after its calls are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from polyframe.study.lint.program import Program, Reading, comparable
from polyframe.study.lint.values import Names, NotReadError

INITIAL = ("initializer", "bias_initializer")
SOFTMAX = {"softmax", "Softmax", "log_softmax", "LogSoftmax"}
CUT = {"he_normal", "glorot_normal", "lecun_normal"}
POLYFRAME = ("written by polyframe.", "ejected by polyframe.")
"""How the first line of a program that polyframe wrote ends."""


def adjust(program: Program, tree: ast.Module, names: Names) -> None:
    """Put the readings of a program right, one rule after the other."""
    several(program)
    replaced(program)
    normalisation(program)
    loaded(program, tree)
    written_by_polyframe(program, tree)
    unused_decay(program)
    unused_velocity(program)
    outputs(program, tree)
    reduction(program, tree, names)
    shuffled(program)
    device(program, tree)


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """All calls, with the last part of the name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield last(node.func), node


def last(node: ast.expr) -> str:
    """The last part of a dotted name; "" for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def several(program: Program) -> None:
    """What is given by a name is read where the object is made, if it is."""
    for setting in ("optimizer", "loss"):
        readings = program.of(setting)
        if any(each.read for each in readings):
            program.drop(setting)
            program.readings += [each for each in readings if each.read or each.call]


def normalisation(program: Program) -> None:
    """How inputs are scaled, in words; Keras cuts its normal distributions."""
    for i, each in enumerate(program.readings):
        value = each.value
        if each.setting == "normalisation" and each.keyword and each.read:
            by_255 = each.keyword == "scale" and value == comparable(1 / 255)
            value = "/ 255" if by_255 else f"{each.keyword} {value}"
        elif (
            each.call.startswith("keras.") and each.setting in INITIAL and value in CUT
        ):
            value = f"{value}, cut at 2 standard deviations"
        program.readings[i] = replace(each, value=value)


def replaced(program: Program) -> None:
    """Initial weights that are given take the place of defaults."""
    for setting in INITIAL:
        several = program.of(setting)
        if any(each.given for each in several):
            program.drop(setting)
            program.readings += [each for each in several if each.given]


def loaded(program: Program, tree: ast.Module) -> None:
    """Weights that are loaded: what they are is not in the program."""
    framework = program.framework
    for name, node in calls(tree):
        if framework is not None and name in framework.loads:
            for setting in INITIAL:
                program.unread(setting, f"is loaded at line {node.lineno}", node.lineno)
            return


def written_by_polyframe(program: Program, tree: ast.Module) -> None:
    """With aligned semantics polyframe's programs get their weights from whoever runs
    them; their steps take a ``count``."""
    doc = (ast.get_docstring(tree) or "").partition("\n")[0]
    if not doc.endswith(POLYFRAME):
        return
    if not program.of("seed"):
        program.unread("seed", "is given by whoever runs the program")
    steps = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "train_step"
    ]
    if steps and "count" in [each.arg for each in steps[0].args.args]:
        for setting in INITIAL:
            program.unread(setting, "is what polyframe draws from the recipe's seed")


def unused_decay(program: Program) -> None:
    """Without a decay it does not matter what it is part of."""
    if not [each for each in program.of("weight_decay") if each.value != 0]:
        program.drop("decay")


def unused_velocity(program: Program) -> None:
    """What is in the velocity matters with momentum, where the rate changes."""
    moves = [each for each in program.of("momentum") if each.value != 0]
    if not moves or not program.of("schedule"):
        program.drop("velocity")


def outputs(program: Program, tree: ast.Module) -> None:
    """A loss of probabilities after a softmax is one of logits."""
    has_softmax = any(
        (isinstance(node, ast.Constant) and node.value in SOFTMAX)
        or (isinstance(node, (ast.Attribute, ast.Name)) and last(node) in SOFTMAX)
        for node in ast.walk(tree)
    )
    if has_softmax:
        program.readings = [
            replace(each, value="logits")
            if each.setting == "outputs" and each.value != "logits" and each.read
            else each
            for each in program.readings
        ]


def reduction(program: Program, tree: ast.Module, names: Names) -> None:
    """Losses of samples that the program joins itself: whether by a mean."""
    kept = [each for each in program.of("reduction") if each.value != "none"]
    if len(kept) < len(program.of("reduction")):
        program.drop("reduction")
        program.readings += kept
    if program.framework is None or program.framework.name != "mxnet":
        return
    means = any(name == "mean" for name, _ in calls(tree)) or any(
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        for node in ast.walk(tree)
    )
    for name, node in calls(tree):
        if name == "step" and node.args and not means:
            try:
                value = names.value(node.args[0])
            except NotReadError:
                return
            kind = "sum" if value == 1 else "mean"
            program.readings.append(
                Reading("reduction", kind, f"step({value})", node.lineno)
            )
            return


def shuffled(program: Program) -> None:
    """``tf.data`` shuffles only where it is told to; one loader that shuffles trains."""
    shuffles = program.of("shuffle")
    if program.framework is not None and program.framework.name == "tensorflow":
        batches = [e for e in program.of("batch_size") if e.call == "batch"]
        if batches and not shuffles:
            line = batches[0].line
            program.readings.append(Reading("shuffle", False, "", line, False))
    if len({each.value for each in shuffles}) > 1:
        program.drop("shuffle")
        program.readings += [each for each in shuffles if each.value is not False]


def device(program: Program, tree: ast.Module) -> None:
    """A device by its kind: ``cuda:0`` and ``/GPU:0`` are one."""
    changed = []
    for each in program.readings:
        if each.setting == "device" and isinstance(each.value, str):
            text = each.value.lower()
            kind = "gpu" if "gpu" in text or "cuda" in text else "cpu"
            each = replace(each, value=kind)
        elif each.setting == "device" and "cuda.is_available" in each.text:
            each = replace(each, value="gpu, if there is one", problem="")
        changed.append(each)
    program.readings = changed
    if program.framework is None or program.of("device"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last(node.func) == "to":
            for argument in node.args:
                value = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(value, str) and value.startswith(("cuda", "cpu")):
                    kind = "gpu" if value.startswith("cuda") else "cpu"
                    program.readings.append(
                        Reading("device", kind, f"to({value!r})", node.lineno)
                    )
                    return

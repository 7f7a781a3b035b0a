"""What makes a program unfair by itself: gradients that add up, evaluation in training
mode, times that are taken before the device is done."""

from __future__ import annotations

import ast

from polyframe.study.lint.adjust import calls, last
from polyframe.study.lint.program import Mistake, Program
from polyframe.study.lint.values import Names

CLOCKS = {"time.time", "time.perf_counter", "time.monotonic", "timeit.default_timer"}
MODELS = {"model", "net", "network"}
"""What models are called in training loops."""
RANDOM_LAYERS = ("norm_momentum", "dropout")
"""Settings of layers that do something else while they train."""


def check(program: Program, tree: ast.Module, names: Names) -> None:
    """Add the mistakes of a program."""
    called = list(calls(tree))
    lines = {name: node.lineno for name, node in reversed(called)}
    if program.framework is None:
        return
    if program.framework.name == "torch":
        gradients(program, lines)
        evaluation(program, lines)
    elif program.framework.name == "tensorflow":
        training_mode(program, tree)
    elif "backward" in lines and "record" not in lines:
        program.mistakes.append(
            Mistake(
                "nothing is recorded", lines["backward"],
                "backward has no gradients, and dropout and batch norm are at rest",
                "with autograd.record(): around the forward pass",
            )
        )  # fmt: skip
    timing(program, called, names)


def gradients(program: Program, lines: dict[str, int]) -> None:
    """PyTorch adds gradients up until they are set to zero."""
    if {"backward", "step"} <= set(lines) and "zero_grad" not in lines:
        program.mistakes.append(
            Mistake(
                "gradients are never set to zero", lines["backward"],
                "each step also takes those of all steps before",
                "optimizer.zero_grad() in each step",
            )
        )  # fmt: skip


def evaluation(program: Program, lines: dict[str, int]) -> None:
    """A module that is never put to rest is evaluated as it trains."""
    evaluates = {"no_grad", "inference_mode"} & set(lines)
    layers = [each for setting in RANDOM_LAYERS for each in program.of(setting)]
    if evaluates and layers and "eval" not in lines:
        program.mistakes.append(
            Mistake(
                "evaluated in training mode", lines[min(evaluates)],
                "dropout is on, and batch norm takes the test batch's own statistics",
                "model.eval() before, model.train() after",
            )
        )  # fmt: skip
    if "eval" in lines and "backward" in lines and "train" not in lines and layers:
        program.mistakes.append(
            Mistake(
                "never put back into training mode", lines["eval"],
                "after the first evaluation dropout is off and statistics stand still",
                "model.train() at the start of each epoch",
            )
        )  # fmt: skip


def training_mode(program: Program, tree: ast.Module) -> None:
    """Keras's models are at rest unless they are told to train."""
    if not any(program.of(setting) for setting in RANDOM_LAYERS):
        return
    for node in ast.walk(tree):
        if not (isinstance(node, ast.With) and opens_tape(node)):
            continue
        for inner in (n for each in node.body for n in ast.walk(each)):
            if not isinstance(inner, ast.Call) or last(inner.func) not in MODELS:
                continue
            if not any(k.arg == "training" for k in inner.keywords):
                program.mistakes.append(
                    Mistake(
                        "trains at rest", inner.lineno,
                        "dropout is off, and batch norm takes running statistics that "
                        "never move", "model(x, training=True)",
                    )
                )  # fmt: skip
                return


def opens_tape(node: ast.With) -> bool:
    """Whether a statement opens a gradient tape."""
    opened = [each.context_expr for each in node.items]
    return any(
        isinstance(e, ast.Call) and last(e.func) == "GradientTape" for e in opened
    )


def timing(program: Program, called: list[tuple[str, ast.Call]], names: Names) -> None:
    """A clock that is read while the device still works measures nothing."""
    clocks = [n.lineno for _, n in called if names.dotted(n.func) in CLOCKS]
    framework = program.framework
    if len(clocks) < 2 or framework is None:
        return
    names_called = {name for name, _ in called}
    on_gpu = any("gpu" in str(each.value) for each in program.of("device"))
    asynchronous = on_gpu or framework.name == "mxnet"
    if asynchronous and not names_called & framework.waits:
        program.mistakes.append(
            Mistake(
                "times do not wait for the device", min(clocks),
                "calls return before the work is done, so the times are too short",
                {
                    "torch": "torch.cuda.synchronize() before the clock is read",
                    "tensorflow": ".numpy() of the loss before the clock is read",
                    "mxnet": "mx.nd.waitall() before the clock is read",
                }[framework.name],
            )
        )  # fmt: skip
    words = {n.id.lower() for n in names.scopes if isinstance(n, ast.Name)}
    words |= {name.lower() for name in names_called}
    if not any("warm" in word for word in words):
        program.mistakes.append(
            Mistake(
                "no warm-up is seen", min(clocks),
                "the first steps compile, allocate and choose kernels",
                "some steps before the clock starts, in a loop or function with warm in "
                "its name",
            )
        )  # fmt: skip

"""Worked examples: small round numbers, and what the definition in NumPy makes of them.

Nothing is stored: what is given stands in ``given``, what comes out is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from polyframe.io.array import Array
from polyframe.spec.element import Element
from polyframe.teach.explain import given
from polyframe.teach.explain.parts import Block, Number, Table, Text, Values

if TYPE_CHECKING:  # of all families one is needed, and the others are not imported
    from polyframe.spec.augmentations import Augmentation
    from polyframe.spec.initializers import Initializer
    from polyframe.spec.layers.base import Layer, Parameter
    from polyframe.spec.losses import Loss
    from polyframe.spec.metrics import Metric
    from polyframe.spec.optimizers import Optimizer
    from polyframe.spec.schedules import Schedule

STEPS = 3
"""How many steps of an optimizer are shown."""
EPOCHS = 10
"""How long the training is whose learning rates are shown."""
LR = 0.1

Pairs = list[tuple[str, Number]]


def worked_example(cls: type[Element]) -> tuple[Block, ...]:
    """An example of an element, computed now; nothing for families without numbers."""
    make = MAKERS.get(cls.family)
    return make(cls) if make else ()


def intro(element: Element, more: str = "") -> Text:
    """The sentence above an example: what was set."""
    fields = ", ".join(f"{k}={v}" for k, v in element.written().items())
    return Text(f"`{element.word}({fields})`{more}:")


# --- layers ---------------------------------------------------------------------------


def of_layer(cls: type[Layer]) -> tuple[Block, ...]:
    """A layer on small inputs: its weights, its output; where they are others, those of
    training, and the statistics after it."""
    from polyframe.spec.layers.base import Context

    options, shapes, count = given.of_layer(cls)
    given_layer = cls.parse({"type": cls.word, **options})
    layer = given_layer.resolve({})
    inputs = [given.input_values(layer, (count, *s), i) for i, s in enumerate(shapes)]
    weights = {
        name: weight_values(name, parameter)
        for name, parameter in layer.parameters(*shapes).items()
    }
    names = ["x"] if len(inputs) == 1 else [f"x{i}" for i in range(1, len(inputs) + 1)]
    before: Pairs = [*zip(names, inputs, strict=True), *weights.items()]
    draw = None
    if layer.random:
        size = (count, *layer.draw_shape(*shapes))
        draw = layer.draw(given.bits(size))
        before.append(("drawn", draw))
    inference = layer.define(Context(weights), *inputs)
    training = layer.define(Context(weights, True, draw), *inputs)
    state = layer.new_state(Context(weights, True, draw), *inputs)
    after: Pairs = [("output", inference)]
    if not np.array_equal(inference, training):
        after = [("in training", training), ("in inference", inference)]
    after += [(f"{name} after training", value) for name, value in state.items()]
    shape_text = " and ".join(str((count, *shape)) for shape in shapes)
    return (
        intro(given_layer, f" of {shape_text}"),
        Values(tuple(before)),
        Text("gives"),
        Values(tuple(after)),
    )


def weight_values(name: str, parameter: Parameter) -> Array:
    """Small whole numbers for a kernel; the usual start for all that scales or counts."""
    from polyframe.spec.initializers import Ones

    if isinstance(parameter.init, Ones):
        return np.ones(parameter.shape)
    if len(parameter.shape) > 1:
        return given.cycle((1, 0, -1, 2), parameter.shape)
    if name == "bias" and parameter.fans.fan_in > 1:
        return np.full(parameter.shape, 0.5)
    return parameter.init.draw(
        np.random.default_rng(0), parameter.shape, parameter.fans
    )


# --- losses and metrics -----------------------------------------------------------------


def of_loss(cls: type[Loss]) -> tuple[Block, ...]:
    """A loss of two samples, and its mean."""
    loss, output, target = given.of_loss(cls)
    losses = loss.define(output, target)
    weights = loss.denominator_weights(target)
    total = float(len(losses) if weights is None else weights.sum())
    return (
        intro(loss),
        Values((("output", output), ("target", target))),
        Text("gives"),
        Values((("one per sample", losses), ("mean", float(losses.sum()) / total))),
    )


def of_metric(cls: type[Metric]) -> tuple[Block, ...]:
    """A metric of four samples."""
    metric, output, target = given.of_metric(cls)
    totals = metric.update(metric.start(output.shape[1:]), output, target)
    return (
        intro(metric),
        Values((("output", output), ("target", target))),
        Text("gives"),
        Values(((metric.key, metric.value(totals)),)),
    )


# --- optimizers, schedules, initializers, augmentations ---------------------------------


def of_optimizer(cls: type[Optimizer]) -> tuple[Block, ...]:
    """A few steps of two weights whose gradient stays the same."""
    fields = {"type": cls.word, "lr": LR, **given.OPTIMIZERS.get(cls.word, {})}
    given_rule = cls.parse(fields)
    rule = given_rule.resolve({})
    w, g = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    state = rule.start(w)
    before: Pairs = [("w", w), ("gradient", g), ("lr", LR)]
    after: Pairs = []
    for step in range(1, STEPS + 1):
        w = rule.define(w, g, state, LR, step)
        after.append((f"w after step {step}", w))
    after += [(f"{name} after step {STEPS}", value) for name, value in state.items()]
    return intro(given_rule), Values(tuple(before)), Text("gives"), Values(tuple(after))


def of_schedule(cls: type[Schedule]) -> tuple[Block, ...]:
    """The learning rate at the start of each epoch."""
    schedule = cls.parse({"type": cls.word, **given.SCHEDULES.get(cls.word, {})})
    columns = given.HISTORY
    rates = []
    for at in range(EPOCHS + 1):
        rows = [{"val_loss": value} for value in columns[:at]]
        rates.append(
            (str(at), f"{schedule.rate(LR, float(at), float(EPOCHS), rows):.4g}")
        )
    more = ""
    if "monitor" in {f for f in getattr(cls, "__annotations__", {})}:
        more = f", `val_loss` being {', '.join(map(str, columns))}"
    text = intro(schedule, f", `lr` being {LR}, in a training of {EPOCHS} epochs{more}")
    return text, Table(("epochs done", "learning rate"), tuple(rates))


def of_initializer(cls: type[Initializer]) -> tuple[Block, ...]:
    """A weight's initial values, drawn from seed 0."""
    from polyframe.spec.initializers import Fans

    options, shape = given.INITIALIZERS.get(cls.word, ({}, (2, 3)))
    initializer = cls.parse({"type": cls.word, **options})
    fans = Fans(int(np.prod(shape[1:])), shape[0])
    values = initializer.draw(np.random.default_rng(0), shape, fans)
    about = (
        f" of a weight {shape}, fan_in {fans.fan_in}, fan_out {fans.fan_out}, seed 0"
    )
    return intro(initializer, about), Values((("weight", values),))


def of_augmentation(cls: type[Augmentation]) -> tuple[Block, ...]:
    """Two small images with labels, before and after."""
    options, shape = given.AUGMENTATIONS.get(cls.word, ({}, (1, 4, 4)))
    size = (2, *shape)
    x = (np.arange(np.prod(size)) % given.LEVELS / given.LEVELS).reshape(size)
    x, y = x.astype(np.float32), np.array([0, 2])
    each = cls.parse({"type": cls.word, **options}).resolved(x)
    bits = given.bits((2, each.words))
    images, labels = each.apply(x, y, bits, 3)
    return (
        intro(cls.parse({"type": cls.word, **options}), f" of two samples {shape}"),
        Values((("x", x), ("label", y))),
        Text("gives, with random numbers from seed 0,"),
        Values((("x", images), ("label", labels))),
    )


MAKERS: Mapping[str, Callable[[Any], tuple[Block, ...]]] = {
    "layer": of_layer,
    "loss": of_loss,
    "optimizer": of_optimizer,
    "schedule": of_schedule,
    "metric": of_metric,
    "initializer": of_initializer,
    "augmentation": of_augmentation,
}
"""Family → what makes the example of one of its classes."""

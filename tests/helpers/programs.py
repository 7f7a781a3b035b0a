"""Specs that are hard to write well, and how tests write them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import polyframe as pf
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.conformance.rules import rules
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.fields import Bool, Float
from polyframe.spec.losses import Loss, TargetKind
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training

IMAGE = (4, 9, 8)
LONG = "l" * 64


def conv(channels: int = 4, **fields: Any) -> Any:
    return pf.Conv2D(channels, 3, **({"padding": 1} | fields))


def block(layers: list[Any], kind: str, **fields: Any) -> Any:
    """Layers with a way around them."""
    x = pf.Input(name="x")
    y = x
    for layer in layers:
        y = layer(y)
    return pf.Block(x, pf.Add()(y, x), kind=kind, **fields)


def chain(*layers: Any, **fields: Any) -> pf.ModelSpec:
    return pf.Sequential(list(layers), **({"input_shape": IMAGE} | fields))


def asymmetric() -> pf.ModelSpec:
    pads = ((0, 1), (1, 0))
    return chain(
        pf.Conv2D(4, 3, padding=((2, 0), (1, 3))),
        pf.ReLU(),
        pf.MaxPool2D(3, stride=2, padding=pads),
        conv(stride=2, padding="same"),
        pf.AvgPool2D(2, stride=1, padding=pads),
        pf.AvgPool2D(2, stride=1, padding=pads, count_include_pad=False),
    )


def grouped() -> pf.ModelSpec:
    return chain(
        conv(8, groups=2),
        conv(8, groups=8, dilation=2, padding=2),
        conv(4, stride=(2, 1)),
    )


def shared() -> pf.ModelSpec:
    x, y = pf.Input((6,), name="a"), pf.Input((6,), name="b")
    dense, relu = pf.Dense(6, name="dense"), pf.ReLU()
    twice = block([pf.Dense(6), pf.Dropout(0.5)], "Twice")
    left, right = relu(dense(x)), relu(dense(y))
    return pf.ModelSpec([x, y], pf.Add()(twice(left), twice(right)))


def several() -> pf.ModelSpec:
    image, vector = pf.Input(IMAGE, name="image"), pf.Input((3,), name="vector")
    features = pf.Flatten()(conv(2)(image))
    both = pf.Concat()(features, vector)
    outputs = [pf.Dense(3)(both), both, vector, vector]
    return pf.ModelSpec([image, vector], outputs, name="several")


def many() -> pf.ModelSpec:
    x = pf.Input((3,))
    parts = [pf.Dense(3)(x) for _ in range(40)]
    total = pf.Add()(*parts)
    return pf.ModelSpec(x, pf.Concat()(pf.Concat(axis=-1)(*parts), total))


def long_names(extra: str = "") -> pf.ModelSpec:
    names = [f"{c}{LONG[1:]}" for c in "abcdefghijkmnopqr"]
    x, y = (pf.Input((4, 6, 6), name=names.pop()) for _ in range(2))
    a = pf.ReLU(name=names.pop())(x)
    b = pf.Conv2D(4, 3, padding=((1, 1), (0, 2)), name=names.pop())(y)
    b = pf.Conv2D(4, 2, padding=((0, 1), (0, 1)), name=names.pop())(b)
    b = block([conv(bias=False, groups=2), pf.Dropout()], LONG, name=names.pop())(b)
    b = pf.Dropout(name=names.pop())(pf.AvgPool2D(1, name=names.pop())(b))
    c = pf.Add(name=names.pop())(a, b)
    d = pf.Concat(name=names.pop())(a, c, y)
    e = pf.Add(name=names.pop())(x, y)
    f = pf.Dropout(0.25, name=names.pop())(x)
    inner = [pf.Input(name=name) for name in names[:2]]
    two = pf.Block(inner, pf.Add()(*inner), kind=LONG[1:], name=names.pop())
    g = pf.GlobalAvgPool2D(name=names.pop())(pf.Add(name=names.pop())(f, two(x, y)))
    return pf.ModelSpec([x, y], [d, e, g], name=LONG)


def nested() -> pf.ModelSpec:
    layer: Any = block([conv(), pf.ReLU()], "Level")
    for _ in range(30):
        layer = block([layer], "Level")
    return chain(layer, conv(), name="nested")


def values() -> pf.ModelSpec:
    """One class for blocks that differ in many values, some equal across types."""
    layers = []
    for bias, pad, rate, kernel in (
        (False, 0, 1, 1),
        (True, 1, 2, (1, 3)),
        (True, 1, 1, (3, 1)),
    ):
        way = pf.Conv2D(4, kernel, padding=pad, dilation=rate, bias=bias, name="one")
        norm = pf.BatchNorm(eps=0.5 * (1 + rate), momentum=float(pad), affine=bias)
        inner = pf.Input(name="x")
        y = norm(way(inner))
        layers.append(pf.Block(inner, pf.Add()(y, pf.ReLU()(y)), kind="Values"))
    return chain(*layers, name="values")


def depths() -> pf.ModelSpec:
    """Equal blocks at different depths, and one class for images and vectors."""
    small = block([pf.ReLU()], "Small")
    deep = block([block([pf.ReLU()], "Small"), conv()], "Deep")
    end = block([pf.ReLU()], "Small")
    return chain(small, deep, pf.GlobalAvgPool2D(), end, name="depths")


def sequences() -> pf.ModelSpec:
    inner = pf.Sequential([pf.Conv2D(4, 3, padding=((0, 2), (1, 1))), pf.ReLU()])
    plain = pf.Sequential(
        [conv(), pf.BatchNorm(unbiased=False), pf.Sequential([pf.ReLU()])]
    )
    dropped = pf.Sequential([pf.Dropout(0.3), pf.Sequential([pf.Dropout(0.1)]), conv()])
    head = pf.Sequential([pf.GlobalAvgPool2D(), pf.Dropout(), pf.Dense(3)], name="head")
    return chain(inner, plain, dropped, pf.Softmax(), head)


def clashes() -> pf.ModelSpec:
    """Blocks, layers and inputs called as what a program imports, copies or makes."""
    layers: list[Any] = [pf.BatchNorm(unbiased=False, name="BatchNorm")]
    for kind in (
        "nn",
        "F",
        "torch",
        "Module",
        "BatchNorm",
        "Sequence",
        "Exception",
        "avg_pool_counted",
        "clashes",
        "Clashes",
    ):
        layers.append(block([conv(name=kind)], kind, name=f"{kind}_"))
    layers.append(pf.Sequential([pf.Dropout()], name="torch"))
    pads = ((0, 1), (1, 0))
    pool = pf.AvgPool2D(2, padding=pads, count_include_pad=False, name="nn")
    for word in ("torch", "avg_pool_counted", "nn", "F", "draws", "self", "model"):
        x, y = pf.Input(name=word), pf.Input(name="conv1")
        z = pf.Conv2D(4, 2, padding=pads, name="train")(x)
        z = pf.Concat(name="type")(z, pf.Dropout(name="x")(y))
        z = conv(4, name="forward")(pf.Dropout(0.2)(z))
        layers.append(pf.Block([x, y], z, kind="Clashes"))
    x = y = pf.Input(IMAGE, name="draws")
    for layer in layers:
        inputs = len(layer.graph.inputs) if isinstance(layer, pf.Block) else 1
        y = layer(*[y] * inputs)
    return pf.ModelSpec(x, [pool(y), y], name="clashes")


def alternating() -> pf.ModelSpec:
    """Pools and activations in every order; some outputs are read twice."""
    x = pf.Input((2, 16, 16))
    y = pf.MaxPool2D(2)(pf.ReLU()(pf.MaxPool2D(2, stride=1)(pf.ReLU()(x))))
    seen = pf.ReLU(name="seen")(y)
    twice = pf.ReLU(name="twice")(y)
    a, b = pf.MaxPool2D(2)(seen), pf.MaxPool2D(2)(twice)
    c = pf.MaxPool2D(3, stride=2, padding=1)(pf.ReLU()(pf.ReLU()(twice)))
    return pf.ModelSpec(x, [pf.Add()(a, b), seen, c])


SMALL = ("digits_cnn", "fashion_cnn", "residual_cnn", "simple_cnn")
"""Shipped models that are quick to run; test_zoo.py has the others."""

SPECS: dict[str, Callable[[], pf.ModelSpec]] = {
    **{name: getattr(pf.zoo, name) for name in SMALL},
    **{
        f.__name__: f
        for f in (
            asymmetric,
            grouped,
            shared,
            several,
            many,
            long_names,
            nested,
            values,
            depths,
            sequences,
            clashes,
            alternating,
        )
    },
}


@cache
def spec_of(name: str) -> pf.ModelSpec:
    return SPECS[name]()


def losses_of(count: int) -> list[Any]:
    """Different losses for that many outputs, in numbers that take room."""
    labels: dict[str, Any] = {"type": "cross_entropy"}
    found: list[Any] = [
        "mse",
        {"type": "mse", "loss_weight": 0.12345678901234567},
        labels | {"label_smoothing": 0.12345678901234567},
        labels | {"label_smoothing": 0.1, "loss_weight": 1.2345678901234567e-100},
        labels | {"loss_weight": 2.0},
        labels | {"loss_weight": 0.12345678901234567},
    ]
    return [found[i % len(found)] for i in range(count)]


def targets_of(count: int) -> tuple[TargetKind, ...]:
    """What the targets of ``losses_of`` are."""
    kinds: tuple[TargetKind, ...] = ("values", "values", "labels", "probabilities")
    each = (*kinds, "labels", "probabilities")
    return tuple(each[i % len(each)] for i in range(count))


def heads(count: int) -> pf.ModelSpec:
    """Several outputs of logits, with dropout and a batch norm in front."""
    x = pf.Input((4, 6, 6))
    y = pf.GlobalAvgPool2D()(pf.Dropout()(pf.BatchNorm(name="norm")(conv()(x))))
    ends = [pf.Dense(3, name=f"end{i}")(y) for i in range(count)]
    return pf.ModelSpec(x, ends, name=f"heads{count}")


def small() -> pf.ModelSpec:
    """All that a training step has to look after: batch norms, dropout, vectors."""
    return chain(
        pf.BatchNorm(affine=False),
        conv(name="front"),
        pf.BatchNorm(name="norm"),
        pf.Dropout(0.25),
        pf.Flatten(),
        pf.Dense(3, name="head"),
        name="small",
    )


PRECISE = 1.2345678901234567e-100
"""A number that takes as much room as one can."""
PRECISIONS = (None, "bfloat16", "float16")
CLIPS: tuple[dict[str, Any], ...] = (
    {},
    {"clip_norm": 1.0},
    {"clip_norm": PRECISE},
    {"clip_value": 0.5},
    {"clip_value": PRECISE},
)


def steps() -> Iterator[tuple[str, pf.ModelSpec, dict[str, Any]]]:
    """A name, a spec, and what ``step_of`` takes: all parts of a step together, and
    each at its longest."""
    net, two = small(), heads(2)
    for (i, clip), accumulate, ema, freeze, precision in product(
        enumerate(CLIPS), (1, 2), (None, 0.9), ((), ("norm",)), PRECISIONS
    ):
        parts = {"accumulate": accumulate, "ema": ema, "freeze": freeze}
        parts |= {"precision": precision} | clip
        key = f"{i}{accumulate}{ema is not None:d}{len(freeze)}_{precision}"
        if accumulate > 1 or precision is None:
            yield f"parts{key}", net, parts
        if accumulate == 1 or precision is None:
            losses = losses_of(2)
            yield f"weighted{key}", two, {"loss": losses, "weighted": True, **parts}
    for number, rule in enumerate(every_rule()):
        yield f"rule{number}_{rule.type}", net, {"optimizer": rule}
    kinds: tuple[TargetKind, ...] = ("labels", "probabilities")
    for smooth, kind, weights, weighted in product(
        (0.0, 0.1, 0.12345678901234567), kinds, (None, (1, 2, 0.5)), (False, True)
    ):
        loss = pf.CrossEntropy(smooth, weights)
        name = f"loss{smooth}{kind}{weights is not None:d}{weighted:d}"
        for ending, spec in (("", net), ("_twice", two)):
            kinds_of = (kind,) * len(spec.infer().outputs)
            options = {"loss": loss, "weighted": weighted, "targets": kinds_of}
            yield name + ending, spec, options
    yield from every_loss()
    for count, weighted in product((2, 3, 6, 14), (False, True)):
        wanted = {"loss": losses_of(count), "weighted": weighted}
        wanted["targets"] = targets_of(count)
        yield f"heads{count}{weighted:d}", heads(count), wanted
    for name, freeze in (
        ("many", ("fc?", "fc1?", "fc2?")),
        ("many", tuple(f"fc{i}" for i in range(1, 40))),
        ("long_names", ("*",)),
        ("nested", ("block1",)),
        ("residual_cnn", ("layer1", "layer2.*", "bn1", "conv1")),
        ("clashes", ("BatchNorm", "nn_", "torch_")),
    ):
        spec = spec_of(name)
        if freeze == ("*",):
            freeze = tuple(layers_of(spec)[:-1])
        yield f"{name}_frozen{len(freeze)}", spec, {"freeze": freeze}


def every_loss() -> Iterator[tuple[str, pf.ModelSpec, dict[str, Any]]]:
    """Each loss with each option, of vectors and of images, and with numbers and lists
    that take as much room as they can; and ways to add them up."""
    for word, make in Loss.registry.items():
        for number, options in enumerate(make.examples):
            plain = make(**options)
            for kind, (name, loss), channels, image in product(
                plain.target_kinds,
                (("short", plain), ("long", lengthened(plain))),
                (4, 42),
                (False, True),
            ):
                spec = pf.Sequential([pf.Dense(channels)], (6,))
                if image:
                    spec = chain(pf.Conv2D(channels, 1))
                with suppress(pf.SpecError):
                    loss.check(spec.infer().output_shapes[0])  # type: ignore[attr-defined]
                    key = f"{word}{number}_{kind}_{name}{channels}_{image:d}"
                    wanted = {"loss": loss, "weighted": image, "targets": (kind,)}
                    yield key, spec, wanted
    for number, (first, second) in enumerate(
        product(("mean", "sum"), ({}, {"loss_weight": 0.12345678901234567}))
    ):
        for other in ("mse", "l1"):
            losses = [pf.MSE(reduction=first, **second), Loss.parse(other)]
            yield f"sums{number}{other}", heads(2), {"loss": losses}
            yield f"sum{number}{other}", heads(1), {"loss": losses[0]}


def lengthened(loss: Any) -> Any:
    """A loss whose numbers and lists take as much room as they can."""
    for f in dataclasses.fields(loss):
        value, longest = getattr(loss, f.name), [PRECISE, 0.12345678901234567]
        if isinstance(value, tuple):
            wanted: list[Any] = [(PRECISE,) * 42]
        elif isinstance(value, float) and f.name != "loss_weight":
            wanted = [*longest, 1.2345678901234567]
        else:
            continue
        for each in wanted:
            with suppress(pf.SpecError):
                loss = replace(loss, **{f.name: each})
                break
    return loss


def every_rule() -> Iterator[Optimizer]:
    """Every optimizer with every option, and each at its shortest and its longest."""
    for make in Optimizer.registry.values():
        for decay, on in product((0.0, PRECISE), ("all", "kernels")):
            yield make(PRECISE, weight_decay=decay, decay_on=on)
        yield from longest(make, PRECISE)
    yield from rules().values()


def longest(make: type[Any], number: float) -> Iterator[Optimizer]:
    """One with every option set, every number being one that takes room; both ways to
    go where two options exclude each other."""
    kinds = {f.name: f.metadata["kind"] for f in dataclasses.fields(make)}
    given: dict[str, Any] = {
        name: number for name, kind in kinds.items() if isinstance(kind, Float)
    }
    given |= {name: True for name, kind in kinds.items() if isinstance(kind, Bool)}
    if make is pf.SGD:
        yield make(**{n: v for n, v in given.items() if n != "nesterov"})
        given["dampening"] = 0.0
    yield make(**given)
    yield make(**given, decay_on="kernels")


def layers_of(spec: pf.ModelSpec) -> list[str]:
    """The layers with weights."""
    weights = spec.infer().parameters
    return list(dict.fromkeys(n.rpartition(".")[0] for n in weights))


def step_of(
    spec: pf.ModelSpec,
    backend: str = "torch",
    loss: Any = "mse",
    optimizer: pf.Optimizer | None = None,
    weighted: bool = False,
    targets: tuple[TargetKind, ...] = (),
    **training: Any,
) -> TrainingSpec:
    """What training adds to a spec; ``training`` as in ``Training``."""
    made = make_step(
        spec,
        registry.get(backend),
        loss,
        optimizer or pf.SGD(0.1),
        Training(**training),
        "aligned",
    )
    assert made is not None
    kinds = targets or made.targets
    return replace(made, weighted=weighted or made.weighted, targets=kinds)


def write(
    spec: pf.ModelSpec,
    backend: str = "torch",
    optimize: bool = True,
    step: TrainingSpec | None = None,
    **target: Any,
) -> Program:
    """The program of a spec; trained with plain SGD on squares if nothing is said."""
    if step is None and target.get("training", True) and spec.num_parameters:
        step = step_of(spec, backend)
    aim = Target(**({"dtype": "float64"} | target))
    return write_programs(spec, registry.get(backend), step, aim, optimize)[0]

"""Specs that are hard to write well, and how tests write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import polyframe as pf
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.losses import TargetKind
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
    for word in ("torch", "avg_pool_counted", "nn", "F", "random", "self", "model"):
        x, y = pf.Input(name=word), pf.Input(name="conv1")
        z = pf.Conv2D(4, 2, padding=pads, name="train")(x)
        z = pf.Concat(name="type")(z, pf.Dropout(name="x")(y))
        z = conv(4, name="forward")(pf.Dropout(0.2)(z))
        layers.append(pf.Block([x, y], z, kind="Clashes"))
    x = y = pf.Input(IMAGE, name="random")
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

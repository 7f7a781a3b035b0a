"""The definition that a page of the catalogue prints runs in NumPy alone, and computes
what the element computes, bit for bit."""

from __future__ import annotations

import builtins
import dataclasses
import dis
import itertools
import re
import subprocess
import sys
import types

import catalogue
import numpy as np
import pytest
from matrix import words

from polyframe.conformance.losses import Case, outputs, targets
from polyframe.spec.augmentations import Geometric
from polyframe.spec.initializers import Fans
from polyframe.spec.layers.base import Context, Layer
from polyframe.teach.explain.definitions import ROOTS
from polyframe.teach.explain.layout import laid_out
from polyframe.teach.explain.native_forms import cases

COUNT = 4
EVERY = [(f, word) for f, base in catalogue.FAMILIES.items() for word in words(base)]
BLOCK = re.compile(r"## Definition in NumPy\n.*?```py\n(.*?)```", re.DOTALL)


def of(family):
    """What the tests of one family are made for."""
    return pytest.mark.parametrize("word", words(catalogue.FAMILIES[family]))


def text_of(family, word):
    """The definition as the page prints it."""
    path = catalogue.PAGES / family / f"{word}.md"
    (text,) = BLOCK.findall(path.read_text(encoding="utf-8"))
    return text


def run_page(family, word):
    """The names that the page's definition gives, run with nothing but itself."""
    text, names = text_of(family, word), {"__name__": "page"}
    assert "polyframe" not in text
    exec(compile(text, word, "exec", dont_inherit=True), names)
    return names


def as_on_the_page(names, element):
    """The page's element with the same fields."""
    cls = names[type(element).__name__]
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    return cls(**{f.name: getattr(element, f.name) for f in fields})


def same(ours, theirs):
    """Equal in every bit, whatever it is made of."""
    if isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            same(value, theirs[name])
    elif isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            same(one, other)
    elif isinstance(ours, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()
    else:
        assert type(ours) is type(theirs)
        assert ours == theirs or ours is theirs or (ours != ours and theirs != theirs)


# --- layers, losses, optimizers: their own examples ----------------------------------


@of("layers")
def test_layers(word):
    names = run_page("layers", word)
    for case in cases(Layer.registry[word]):
        layer, rng = case.element.resolve({}), np.random.default_rng(0)
        page = as_on_the_page(names, layer)
        x = [rng.normal(size=(COUNT, *shape)) for shape in case.shapes]
        weights = {
            name: rng.uniform(0.5, 1.5, p.shape)  # a variance is above 0
            for name, p in layer.parameters(*case.shapes).items()
        }
        draw = None
        if layer.random:
            assert page.draw_shape(*case.shapes) == layer.draw_shape(*case.shapes)
            size = (COUNT, *layer.draw_shape(*case.shapes))
            bits = rng.integers(0, 2**32, size, np.uint32)
            draw = layer.draw(bits)
            same(draw, page.draw(bits))
        for training in (False, True):
            seen = weights, training, draw
            # Without a Context on the page nothing of it is used.
            there = names["Context"](*seen) if "Context" in names else None
            here = Context(*seen)
            same(layer.define(here, *x), page.define(there, *x))
        state = layer.new_state(here, *x)
        if state or hasattr(page, "new_state"):
            same(state, page.new_state(there, *x))


@of("losses")
def test_losses(word):
    names = run_page("losses", word)
    for each in cases(catalogue.FAMILIES["losses"].registry[word]):
        loss, (shape,) = each.element, each.shapes
        page, y = as_on_the_page(names, loss), targets(Case(loss, shape, each.targets))
        for scale in ("usual", "extreme", "zeros"):
            x = outputs(shape, scale)
            same(loss.define(x, y), page.define(x, y))
        weights = loss.denominator_weights(y)
        if weights is not None or hasattr(page, "denominator_weights"):
            same(weights, page.denominator_weights(y))


@of("optimizers")
def test_optimizers(word):
    names = run_page("optimizers", word)
    for case in cases(catalogue.FAMILIES["optimizers"].registry[word]):
        rule, rng = case.element.resolve({}), np.random.default_rng(0)
        page = as_on_the_page(names, rule)
        for shape in ((3, 4), (5,)):
            w = rng.normal(size=shape)
            ours, theirs = rule.start(w), page.start(w)
            same(ours, theirs)
            mine = yours = w
            for step in range(1, 9):
                g = rng.normal(size=shape)
                mine = rule.define(mine, g, ours, 0.02, step)
                yours = page.define(yours, g, theirs, 0.02, step)
                same(mine, yours)
                same(ours, theirs)


# --- the families that have no examples of their own ---------------------------------

OPTIONS = {
    "constant": ({}, {"value": 0.3}),
    "dirac": ({}, {"groups": 2}),
    "glorot_normal": ({}, {"gain": 1.5}),
    "glorot_uniform": ({}, {"gain": 1.5}),
    "he_normal": ({}, {"mode": "fan_out", "slope": 0.1}),
    "he_uniform": ({}, {"mode": "fan_out", "slope": 0.1}),
    "normal": ({}, {"mean": 0.2, "std": 0.5}),
    "orthogonal": ({}, {"gain": 1.5}),
    "truncated_normal": ({}, {"mean": 0.2, "std": 0.5}),
    "uniform": ({}, {"mean": 0.2, "scale": 0.5}),
    ("schedules", "constant"): ({}, {"warmup": 2.0, "warmup_start": 0.1}),
    "cosine": ({}, {"end": 0.1, "warmup": 1.5}),
    "cosine_restarts": ({"period": 2.5}, {"period": 1.0, "mult": 2, "end": 0.1}),
    "exponential": ({"gamma": 0.9},),
    "multi_step": ({"milestones": (2, 5, 5)}, {"milestones": 3, "gamma": 0.5}),
    "one_cycle": (
        {},
        {"pct_start": 0.4, "div": 10.0, "final_div": 100.0, "anneal": "linear"},
    ),
    "polynomial": ({}, {"power": 2.0, "end": 0.1, "warmup": 1.0}),
    "reduce_on_plateau": (
        {"patience": 1},
        {"monitor": "val_accuracy", "patience": 0, "cooldown": 1, "gamma": 0.5},
        {"mode": "max", "monitor": "seconds", "patience": 0, "min_delta": 0.3},
        {"mode": "min", "patience": 0, "least": 0.5, "warmup": 2.0},
    ),
    "step": ({"every": 2.0}, {"every": 0.5, "gamma": 0.9}),
    "auroc": ({}, {"average": "micro"}),
    "average_precision": ({}, {"average": "micro"}),
    "binary_accuracy": ({}, {"threshold": 0.3}),
    "f1": ({}, {"average": "micro"}),
    "precision": ({}, {"average": "micro"}),
    "recall": ({}, {"average": "micro"}),
    "top_k_accuracy": ({"k": 1}, {"k": 3}),
    "cutmix": ({}, {"alpha": 0.3}),
    "cutout": ({"size": 3}, {"size": 4}),
    "mixup": ({}, {"alpha": 2.0}),
    "normalize": ({}, {"mean": (0.1, 0.2), "std": (0.5, 2.0)}),
    "color_jitter": (
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.2},
    ),
    "rand_augment": (
        {},
        {"num_ops": 8, "magnitude": 5, "num_magnitude_bins": 8, "fill": 0.5},
    ),
    "random_affine": (
        {"degrees": 30},
        {"degrees": (10, 90), "translate": 0.2, "scale": (0.5, 2), "fill": 0.5},
        {"degrees": 0, "shear": (5, 10, -10, 20)},
    ),
    "random_crop": ({}, {"padding": (0, 2)}),
    "random_erasing": (
        {},
        {"p": 1.0, "scale": (0.2, 0.4), "ratio": (0.5, 1.5), "value": (0.1, 0.2, 0.3)},
    ),
    "random_flip": ({}, {"p": 0.2}),
    "random_resized_crop": ({}, {"scale": (0.2, 0.5), "ratio": (1.0, 2.0)}),
    "random_vertical_flip": ({}, {"p": 0.2}),
}
"""Fields to try, by name (where two families have it, with the family)."""


def made(family, word):
    """Elements of all these fields."""
    cls = catalogue.FAMILIES[family].registry[word]
    options = OPTIONS.get((family, word), OPTIONS.get(word, ({},)))
    return [cls(**fields) for fields in options]


@pytest.mark.parametrize(
    "family", ["initializers", "schedules", "metrics", "augmentations"]
)
def test_every_field_is_tried(family):
    for word in words(catalogue.FAMILIES[family]):
        for f in dataclasses.fields(catalogue.FAMILIES[family].registry[word]):
            own = not f.kw_only  # what a family shares is tried with some of it
            tried = any(f.name in each.options() for each in made(family, word))
            assert tried or not own, (word, f.name)


@of("initializers")
def test_initializers(word):
    names, tried = run_page("initializers", word), 0
    for initializer in made("initializers", word):
        page = as_on_the_page(names, initializer)
        for shape in ((8, 4, 3, 3), (6, 5), (3, 6), (7,)):
            needed = {"orthogonal": 2, "dirac": 3}.get(word, 1)
            if len(shape) >= needed:
                fans = names["Fans"](36, 72) if "Fans" in names else None
                ours = initializer.draw(np.random.default_rng(3), shape, Fans(36, 72))
                same(ours, page.draw(np.random.default_rng(3), shape, fans))
                tried += 1
    assert tried


@of("schedules")
def test_schedules(word):
    names, rng = run_page("schedules", word), np.random.default_rng(0)
    for schedule in made("schedules", word):
        page = as_on_the_page(names, schedule)
        for at in np.linspace(0, 12, 97).tolist():
            rows = [
                dict.fromkeys(("val_loss", "val_accuracy", "seconds"), value)
                for value in rng.uniform(0, 1, int(at)).round(1).tolist()
            ]
            same(schedule.rate(0.3, at, 12.0, rows), page.rate(0.3, at, 12.0, rows))


@of("metrics")
def test_metrics(word):
    names = run_page("metrics", word)
    for metric in made("metrics", word):
        page = as_on_the_page(names, metric)
        kinds = ["labels"] * metric.labels + ["binary"] * metric.binary or ["numbers"]
        for shape, kind in itertools.product([(4,), (4, 3, 2)], kinds):
            rng = np.random.default_rng(0)
            ours, theirs = metric.start(shape), page.start(shape)
            same(ours, theirs)
            same(metric.value(ours), page.value(theirs))  # of nothing
            for size in (5, 3):
                x = rng.normal(size=(size, *shape)).round(1)
                x[0, 0] = 0.5 if kind == "numbers" else np.nan
                y = rng.normal(size=x.shape)
                if kind == "labels":
                    y = rng.integers(0, 4, (size, *shape[1:]))
                elif kind == "binary":
                    y = y > 0
                for weights in (None, rng.random(size).round(1), rng.random(y.shape)):
                    ours = metric.update(ours, x, y, weights)
                    theirs = page.update(theirs, x, y, weights)
                    same(ours, theirs)
                    same(metric.value(ours), page.value(theirs))


@of("augmentations")
def test_augmentations(word):
    names, rng = run_page("augmentations", word), np.random.default_rng(0)
    shape = {"normalize": (2, 5, 7), "random_rotate90": (3, 5, 5)}.get(word, (3, 5, 7))
    x = rng.normal(0.5, 0.3, size=(6, *shape)).astype(np.float32)
    size = shape[1:]
    for each in made("augmentations", word):
        page = as_on_the_page(names, each)
        if hasattr(page, "resolved"):
            each, page = each.resolved(x), page.resolved(x)
        bits = rng.integers(0, 2**32, (6, each.words), np.uint32)
        for y in (
            np.arange(6) % 3,
            np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 1, 0]],
            rng.integers(0, 3, (6, *size)),
            rng.normal(size=(6, 3, *size)),
        ):
            same(each.apply(x, y, bits, 3), page.apply(x, y, bits, 3))
            if isinstance(each, Geometric):
                around = each.apply(x, y, bits, 3, 255), page.apply(x, y, bits, 3, 255)
                same(*around)


def test_every_family_is_tried():
    tried = {f"test_{family}" for family in catalogue.FAMILIES}
    assert tried <= set(globals())
    assert {base.family for base in catalogue.FAMILIES.values()} == set(ROOTS)


def global_names(code):
    """The global names that a code object reads, and those inside it."""
    for step in dis.get_instructions(code):  # LOAD_NAME: in the body of a class
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from global_names(constant)


@pytest.mark.parametrize(("family", "word"), EVERY)
def test_nothing_on_a_page_is_left_out(family, word):
    """Each name, and each method or field of ``self``, is defined on the page, also
    where no example needs it."""
    names, text = run_page(family, word), text_of(family, word)
    code = compile(text, word, "exec", dont_inherit=True)
    implied = {"__module__", "__annotations__"}  # what each class statement sets
    assert set(global_names(code)) <= set(names) | set(dir(builtins)) | implied
    members = set()
    for value in names.values():
        if isinstance(value, type) and value.__module__ == "page":
            members |= set(dir(value)) | set(value.__dict__.get("__annotations__", ()))
    assert set(re.findall(r"\bself\.(\w+)", text)) <= members


def test_definitions_are_laid_out_as_ruff_format_does(tmp_path):
    """So that `polyframe explain`, which has no ruff, prints them well."""
    texts = {}
    for family, word in EVERY:
        texts[tmp_path / f"{family}_{word}.py"] = text_of(family, word)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for path, text in texts.items():
        assert path.read_text(encoding="utf-8") == text, path.stem


def test_a_long_signature_is_left_over_several_lines():
    """One that fits into a line is joined, but for its last comma."""
    short = "def f(\n    a,\n    b=(1, 2),\n):\n    return a\n"
    assert laid_out(short) == "def f(a, b=(1, 2)):\n    return a\n"
    names = ", ".join(f"argument_{i}" for i in range(8))
    long = f"def f(\n    {names}\n):\n    return 0\n"
    assert laid_out(long) == long

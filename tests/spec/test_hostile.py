"""Hostile names and texts: none reaches the emitted source."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import polyframe as pf
from polyframe.compiler.program import Program
from polyframe.compiler.python.source import camel
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.settings import Training

BACKENDS = ("torch", "tensorflow", "mxnet")

ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|x[0-9a-f]{2}|[rntfv])")


def unescape(match: re.Match[str]) -> str:
    return match[0].encode().decode("unicode_escape", "surrogatepass")


CODE = """
x; import os|x\\nimport os|x=1|x.y|x y|x,y|x()|x[0]|x:int|(x)|[x]|@x|*x|**x|-x|~x|x#
lambda: 0|import os|from os import *|os.system('id')|__import__('os').system('id')
eval('1')|exec("1")|print(1)|x if 1 else y|x or y|x := 1|await x|del x|1x|1.5|1e5|0x10
'|"|'''|\"\"\"|'''+x+'''|\"\"\"; import os; \"\"\"|x'); import os; ('|x"); y=("|\\'
# noqa|#|*/|/*|-->|<!--|<script>|</script>|%s|%(x)s|${x}|$(id)|`id`|\\x00|%n|{x!r}
{}|{0}|{self}|{0.__class__}|{self.__init__.__globals__}|{all}|{x:>99999}|{{x}}|{draw}
__class__|__init__|__dict__|__import__|__builtins__|__|_|_x|_modules|_parameters
../x|../../etc/passwd|/etc/passwd|C:\\\\x|~/x|x/y|x\\\\y|.|..|x.yaml/|file:///x|http://x
!!python/object/apply:os.system [id]|!!python/name:os.system|!!python/object/new:os.x
!!binary aGk=|&a [*a]|*a|<<|? x|- x|x: y|{x: y}|[x, y]|~|2020-01-01|.inf|---|...
""".replace("\n", "|")
UNICODE = r"""
х а ⅹ ｘ ﬁ xª x² ٣ １ ² é ñ x\u0301
名前 x\u200b x\u202ey \u2066x\u2069 x\u00a0 😀
\ufeffx x\u2028import\u0020os x\u0085y x\r\nimport x\tx \x1b[31mx x\x7f \ud800 x\n
\u0020x -1 x-1
x'or'1 x\fimport x\vy x\u037e x\uff1bimport \u00b7x x\u0000 \u200dx \u00adx ℂ x؛
"""
HOSTILE = [
    *dict.fromkeys(word.encode().decode("unicode_escape") for word in CODE.split("|")),
    *(ESCAPE.sub(unescape, word) for word in UNICODE.split()),
    *("x" * 65, "x" * 10_000, "9" * 7),
]
WORDS = """
class lambda def return None True False import async await match print type input eval
exec open object id self cls super train training layers path name forward call build
fit F nn torch tf mx np gluon keras functional loss_fn train_step apply
make_optimizer model target output count random draws x y h1 conv1 fc shortcut
parameters state_dict modules weight
bias weights params collect_params hybridize hybrid_forward summary losses metrics
prefix Block Module Model Sequential BatchNorm Exception BaseException SGD Adam cast
os sys subprocess int float str list dict tuple Layer trainable get_weights variables yield
a A a1 A_b Z9_ i l O x_ x__ torch_ e1 inf nan null true no on yes N
"""
HARMLESS = WORDS.split()


def data(**at: Any) -> dict[str, Any]:
    """A spec as data, with one text in one of the places where a spec takes text."""
    get = {
        "in": "img",
        "layer": "first",
        "block": "body",
        "inner": "leaf",
        "kind": "Kind",
        "model": "net",
        "last": "last",
        "port": "port",
    } | at
    inner = [
        {"name": get["inner"], "type": "Conv2D", "out_channels": 2, "kernel_size": 1},
        {"name": "sum", "type": "Add", "from": [get["inner"], get["port"]]},
    ]
    return {
        "name": get["model"],
        "inputs": {get["in"]: [2, 3, 3]},
        "layers": [
            {
                "name": get["layer"],
                "type": get.get("type", "Conv2D"),
                "out_channels": 2,
                "kernel_size": 3,
                "padding": get.get("padding", "same"),
                "weight_init": get.get("weight_init", "he_normal"),
            },
            {
                "name": get["block"],
                "type": "Block",
                "kind": get["kind"],
                "inputs": [get["port"]],
                "layers": inner,
            },
            {"name": "again", "shares": get.get("shares", get["layer"])},
            {
                "name": "pool",
                "type": "GlobalAvgPool2D",
                "from": get.get("from", "again"),
            },
            {"name": get["last"], "type": "Dense", "out_features": 2},
        ],
        "outputs": get.get("outputs", [get["last"]]),
    }


NAMES = ("model", "layer", "block", "inner", "kind", "in", "port", "last")
TEXTS = ("type", "padding", "weight_init", "shares", "from", "outputs")


def write(spec: pf.ModelSpec, backend: str) -> Program:
    writer, target = registry.get(backend), Target("float64")
    step = make_step(spec, writer, pf.MSE(), pf.SGD(0.1), Training(), "aligned")
    return write_programs(spec, writer, step, target, True)[0]


@cache
def tame(backend: str) -> Program:
    return write(pf.load_spec(data()), backend)


def skeleton(program: Program, place: str, name: str) -> str:
    """The tree's dump, where all that stems from the name is called as in the tame."""
    tame_names = {
        "model": "net",
        "layer": "first",
        "block": "body",
        "inner": "leaf",
        "kind": "Kind",
        "in": "img",
        "port": "port",
        "last": "last",
    }
    old = tame_names[place]
    if place in ("model", "kind"):
        name, old = camel(name), camel(old)
        name = "Sequence" if name == "Sequential" else name
    spellings = {name, *(f"{name}{i}" for i in range(2, 10)), f"{name}_", f"{name}__"}
    tree = ast.parse(program.source)
    tree.body = tree.body[1:]  # the docstring is looked at by itself

    class Rename(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
            self.generic_visit(node)
            if node.attr in spellings and place in ("layer", "block", "inner", "last"):
                node.attr = old
            return node

        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id in spellings and place in ("in", "port", "model", "kind"):
                node.id = old
            return node

        def visit_arg(self, node: ast.arg) -> ast.AST:
            if node.arg in spellings and place in ("in", "port"):
                node.arg = old
            return node

        def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
            self.generic_visit(node)
            if node.name in spellings and place in ("model", "kind"):
                node.name = old
            return node

    return ast.dump(Rename().visit(tree))


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) >= 140, len(set(HOSTILE))
    assert len(set(HARMLESS)) >= 100


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_texts_are_refused_in_every_place(text: str) -> None:
    for place in (*NAMES, *TEXTS):
        at = {place: [text] if place == "outputs" else text}
        refused(lambda at=at: pf.load_spec(data(**at)), f"{place} = {text!r}")  # type: ignore[misc]
    for key in ("loss", "optimizer", "metrics", "name", "dtype", "semantics", "model"):
        recipe = {"model": "digits_cnn", key: text}
        refused(lambda recipe=recipe: pf.load_recipe(recipe), f"{key} = {text!r}")  # type: ignore[misc]
        refused(lambda recipe=recipe: pf.load_recipe(recipe | {text: 1}), text)  # type: ignore[misc]
    x = pf.Input((3,))
    for make in (
        lambda: pf.ReLU(name=text),
        lambda: pf.Input((3,), name=text),
        lambda: pf.Sequential([pf.ReLU()], (3,), name=text or "{"),
        lambda: pf.Sequential([pf.ReLU()], name=text),
        lambda: pf.Block(x, pf.ReLU()(x), kind=text),
        lambda: pf.ModelSpec(x, pf.ReLU()(x), name=text),
        lambda: pf.Conv2D(1, 1, padding=text),
        lambda: pf.Dense(1, weight_init={"type": text}),
        lambda: pf.Dense(1, **{text: 1}),
        lambda: pf.Dense(1, weight_init={"type": "uniform", text: 1}),
        lambda: registry.get(text),
        lambda: pf.compile("digits_cnn", "torch", device=text),
        lambda: pf.compile("digits_cnn", "torch", dtype=text),
    ):
        refused(make, text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_yaml_does_nothing(text: str) -> None:
    """Raw text in YAML: it is refused, or it says what the tame text says."""
    lines = json.dumps(data()).replace('"first"', '"%"').replace('"Kind"', '"%"')
    for raw in (
        text,
        lines.replace('"%"', text),
        lines.replace("%", text),
        f"name: {text}",
    ):
        if raw.endswith((".yaml", ".yml", ".json")):
            continue
        try:
            spec = pf.load_spec(raw)
        except pf.PolyframeError as error:
            assert str(error).isprintable(), error
        else:
            assert pf.load_spec(spec.to_yaml()).hash == spec.hash
            for node in spec.graph.nodes:
                assert node.name.isidentifier()


def refused(make: Callable[[], Any], what: str) -> None:
    """It raises a PolyframeError of one printable, bounded line."""
    with pytest.raises(pf.PolyframeError) as caught:
        print(what[:99].encode("ascii", "replace"), make())
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", NAMES)
def test_harmless_words_change_names_and_nothing_else(backend: str, place: str) -> None:
    plain = tame(backend)
    for name in HARMLESS:
        program = write(pf.load_spec(data(**{place: name})), backend)
        compile(program.source, name, "exec")
        assert len(program.weights) == len(plain.weights)
        doc = ast.get_docstring(ast.parse(program.source))
        assert doc == f"{name if place == 'model' else 'net'} for " + (
            ast.get_docstring(ast.parse(plain.source)) or ""
        ).removeprefix("net for ")
        if name in ("conv1", "x", "y", "h1", "Model", "Block", "a", "Module"):
            continue  # these meet other names of the program: see the test below
        assert skeleton(program, place, name) == skeleton(plain, place, name), name


TOGETHER = (
    ("model", "layer", "kind", "inner"), ("in", "port"), ("block", "port", "kind")
)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_harmless_words_predict_the_same_numbers(backend: str) -> None:
    """Each word in each group of places on one backend, and on every one in some."""
    predict_the_same(
        backend,
        [
            (TOGETHER[(number + BACKENDS.index(backend)) % len(TOGETHER)], name)
            for number, name in enumerate(HARMLESS)
        ],
    )


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("places", TOGETHER, ids=" ".join)
def test_all_harmless_words_predict_the_same_numbers(
    backend: str, places: tuple[str, ...]
) -> None:
    predict_the_same(backend, [(places, name) for name in HARMLESS])


def predict_the_same(backend: str, cases: list[tuple[tuple[str, ...], str]]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 2, 3, 3))
    plain = pf.compile(pf.load_spec(data()), backend, dtype="float64")
    weights = list(plain.weights().values())
    wanted = plain.predict(x)
    for places, name in cases:
        spec = pf.load_spec(data(**dict.fromkeys(places, name)))
        model = pf.compile(spec, backend, dtype="float64")
        names = list(model.weights())
        model.load_weights(dict(zip(names, weights, strict=True)))
        np.testing.assert_array_equal(model.predict(x), wanted, err_msg=name)


@pytest.mark.parametrize("key", ["device", "data"])
def test_free_texts_of_a_recipe_stay_texts(key: str) -> None:
    """A device or data set is looked up later; as text it comes back as it was."""
    for text in HOSTILE:
        recipe = pf.load_recipe({"model": "digits_cnn", key: text})
        if "\ud800" not in text:
            again = pf.load_recipe(recipe.to_data())
            assert again == recipe

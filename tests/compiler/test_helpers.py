"""Helpers stand in one section after the step; views fold them and name the nodes."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import numpy as np
import pytest
from helpers.programs import SPECS, spec_of, step_of, write
from helpers.steps import steps

import polyframe as pf
from polyframe.compiler.program import WHOLE, Program
from polyframe.compiler.python.code import Code
from polyframe.compiler.python.helpers import HEAD, with_helpers
from polyframe.compiler.python.sections import Section, module
from polyframe.compiler.python.snippets import definitions, library
from polyframe.compiler.python.source import call
from polyframe.compiler.table import Entry, Form
from polyframe.compiler.views import view
from polyframe.contract import registry
from polyframe.contract.modules import load

BACKENDS = ("torch", "tensorflow", "mxnet")


def blocks(text: str) -> list[tuple[int, str]]:
    """(line, name) of the functions and classes of a program."""
    nodes = [
        n
        for n in ast.parse(text).body
        if isinstance(n, (ast.ClassDef, ast.FunctionDef))
    ]
    return [(node.lineno, node.name) for node in nodes]


def checked(program: Program, title: str) -> tuple[str, ...]:
    """The names of a program's helpers, which are all that follows the step."""
    lines, helpers = program.source.splitlines(), program.helpers
    if helpers is None:
        assert HEAD.format(title) not in lines
        return ()
    file, first, last = helpers.span
    assert file in program.files and last == len(lines)
    assert lines[first - 1] == HEAD.format(title)
    for path, roles in program.source_map.items():
        for role, span in roles.items():
            inside = (path, role) == (WHOLE, "optimizer_class")
            assert inside or span.last < first, (path, role)
    defined = blocks(program.source)
    assert [n for line, n in defined if line > first] == list(helpers.reasons)
    assert not {n for line, n in defined if line < first} & helpers.reasons.keys()
    assert all(helpers.reasons.values()), helpers.reasons
    return tuple(helpers.reasons)


@pytest.mark.parametrize("backend", BACKENDS)
def test_helpers_are_apart_from_the_model_and_the_step(backend: str) -> None:
    title, found = registry.get(backend).title, set()
    for name in SPECS:
        found.update(checked(write(spec_of(name), backend), title))
    for _, spec, parts in steps():
        step = step_of(spec, backend, **parts)
        precision = step.training.precision
        device = "gpu" if precision == "float16" else "cpu"
        target = {"dtype": "float32", "precision": precision, "device": device}
        found.update(checked(write(spec, backend, step=step, **target), title))
    assert len(found) > 3


@pytest.mark.parametrize("backend", ["pytorch", "tf", "gluon"])
def test_every_helper_says_in_a_line_why_the_framework_needs_it(backend: str) -> None:
    names = {
        "pytorch": ("PyTorch", "nn.", "torch."),
        "tf": ("TensorFlow", "Keras", "tf."),
        "gluon": ("MXNet", "Gluon", "oneDNN"),
    }[backend]
    folder = Path(__file__).parents[2] / "backends" / backend / "snippets"
    for path in library(folder):
        for name, text in definitions(path).items():
            doc = ast.get_docstring(ast.parse(text).body[0]) or ""  # type: ignore[arg-type]
            why = doc.partition("\n\n")[0]
            assert any(w in why for w in (*names, "faster")), (path.name, name, why)


# --- what importing needs ------------------------------------------------------------


def sections(*texts: str) -> list[Section]:
    return [Section(textwrap.dedent(text).strip("\n")) for text in texts]


def order(main: list[Section], **helpers: str) -> tuple[list[str], list[str]]:
    texts = {n: Section(textwrap.dedent(t).strip("\n")) for n, t in helpers.items()}
    placed, left = with_helpers(main, texts)
    names = {section.text: name for name, section in texts.items()}
    return [names.get(section.text, "main") for section in placed], list(left)


def test_what_importing_needs_stands_before_its_first_use() -> None:
    one = "def one():\n    return two()"
    two = "def two():\n    return 2"
    late = sections(
        "def f(x):\n    return one()", "class A:\n    def g(self, y):\n        one()"
    )
    assert order(late, two=two, one=one) == (["main", "main"], ["two", "one"])
    for text, wanted in {
        "value = one()": ["two", "one"],
        "value = two()": ["two"],
        "value = [n for n in range(two())]": ["two"],
        "@two\ndef f():\n    pass": ["two"],
        "def f(x=two()):\n    pass": ["two"],
        "class A(two):\n    pass": ["two"],
        "class A:\n    x = two()": ["two"],
        "class A:\n    def g(self, y=one):\n        pass": ["two", "one"],
        "value = f(1)": ["two", "one"],  # f runs, and calls one
    }.items():
        early = sections(text)
        placed, left = order([*late, *early], two=two, one=one)
        assert placed == ["main", "main", *wanted, "main"], text
        assert sorted([*wanted, *left]) == ["one", "two"], text


def test_a_loss_that_is_made_at_import_finds_its_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    snippets = tmp_path / "snippets.py"
    snippets.write_text(
        "def half(x):\n"
        '    """Half of it."""\n'
        "    return x / 2\n\n\n"
        "class Halved:\n"
        '    """Half the squared error, which PyTorch lacks."""\n\n'
        "    def __init__(self):\n"
        "        self.factor = half(1.0)\n\n"
        "    def __call__(self, output, target):\n"
        "        return self.factor * (output - target).square().mean(1)\n"
    )
    code = Code(make=call("Halved"), snippets=("Halved",))
    entry = Entry((Form("own", lambda view: code),), snippets=snippets)
    backend = registry.get("torch")
    table = {**backend.entries, "mse": entry}
    monkeypatch.setattr(type(backend), "entries", table)
    spec = pf.Sequential([pf.Dense(2)], (3,))
    program = write(spec, step=step_of(spec, "torch", "mse"))
    assert program.helpers is None or "Halved" not in program.helpers.reasons
    text = program.source
    assert (
        text.index("def half") < text.index("class Halved") < text.index("loss_fn = ")
    )
    module, ones = load(program), torch.ones(2, 4)
    assert np.allclose(module.loss_fn(ones, 3 * ones), 2.0)


# --- views ---------------------------------------------------------------------------


def test_a_view_folds_the_helpers_and_says_how_to_see_them() -> None:
    program = write(spec_of("residual_cnn"), "mxnet")
    assert program.helpers is not None
    _, first, last = program.helpers.span
    lines = program.source.splitlines()
    shown = view(program).source.splitlines()
    assert shown[: first - 1] == lines[: first - 1] and len(shown) == first
    names = ", ".join(program.helpers.reasons)
    assert (
        shown[-1] == f"# Helpers, {last - first + 1} lines that --full shows: {names}"
    )
    assert view(program, full=True).source == program.source
    bare = write(spec_of("digits_cnn"), "torch")
    assert bare.helpers is None and view(bare).source == bare.source


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_annotated_view_names_every_node_and_every_reason(backend: str) -> None:
    program = write(spec_of("residual_cnn"), backend, optimize=False)
    shown = view(program, annotate=True).source
    lines = shown.splitlines()
    first = [path for path in program.source_map if not path.startswith("layer3.")]
    for path in first:  # layer3 shares the class of layer2
        for role, span in program.source_map[path].items():
            if role in ("construction", "forward"):
                called = path
                if role == "forward" and ".shortcut." in path:
                    called = path.rpartition(".")[0]  # it runs where its container does
                assert f" {called}" in lines[span.first - 1], (path, role)
    assert program.helpers is None or all(
        f"# - {name}: " in shown for name in program.helpers.reasons
    )
    assert "x = self.conv1(x)" in shown and lines[0] == program.source.splitlines()[0]
    full = view(program, annotate=True, full=True).source
    compile(full, "annotated", "exec")
    assert len(full.splitlines()) == len(program.source.splitlines())


def test_nodes_that_share_a_line() -> None:
    spec = pf.zoo.resnet18(num_classes=3, input_shape=(3, 32, 32))
    program = write(spec, "torch", optimize=False)
    shown = view(program, annotate=True).source
    assert "  # layer1.0.conv1 and 4 others\n" in shown
    assert "  # layer2.0.conv1 and 2 others\n" in shown
    assert " layer1\n" in shown  # and not what is inside


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_program_says_where_its_imports_end(backend: str) -> None:
    """What follows them is its body, from which ``eject`` makes a script."""
    program = write(spec_of("asymmetric"), backend)
    lines, body = program.source.splitlines(), program.body
    assert body is not None and body.file in program.files
    assert lines[body.first - 3 : body.first - 1] == ["", ""]
    assert body.last == len(lines)
    above = lines[: body.first - 1]
    nodes = ast.parse("\n".join(above)).body[1:]
    assert program.imports == tuple(ast.unparse(node) for node in nodes)
    assert not ast.parse("\n".join(lines[body.first - 1 :])).body[0].col_offset


def test_statements_stand_closer_to_the_imports_than_definitions() -> None:
    """As the section declares, whatever its text begins with."""
    heads = [
        module("doc", ["import a"], [Section("class A:\n    pass", statements=word)])
        for word in (False, True)
    ]
    assert [m.text.count("\n\n\nclass") for m in heads] == [1, 0]
    assert [m.body.first for m in heads] == [6, 5]

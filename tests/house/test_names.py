"""Names are standard terms: those that readers stumbled over do not come back."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("polyframe", "backends", "tests", "tools", "docs")
PACKAGE = ("polyframe", "backends")
UNCLEAR = {
    "training_step", "Step", "Held", "staging", "Place", "rests", "on_rest", "lags",
    "Part", "balanced", "Moment", "soften", "suited", "weigh", "weighs", "Weighed",
    "changer", "runner", "runners", "SAME", "FALLS", "TAKEN", "FREE", "LATER", "FEW",
    "figures", "behind",
}  # fmt: skip
"""Names that say nothing of what the thing is, without its file open."""
OURS = {
    "tests/mutation/units.py": {"runner"},
    "tests/mutation/harness.py": {"runner"},
    "tests/conformance/test_mutation.py": {"runner"},
    "tests/conformance/test_conformance_training.py": {"staging"},
}
"""File → names that mean there what they say: what runs a mutant, what stages."""
CALLED_BY_OTHERS = {
    "get_source", "list_commands", "ignore_aliases", "_get_lrs", "get_kernel_spec",
}  # fmt: skip
"""Methods that linecache, click, PyYAML, MXNet and Jupyter call."""
MOST_ANY = 100
"""Parameters of functions whose type may have ``Any`` in it (or ``Native``, which is
``Any`` for values of a framework)."""


def trees(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "build" not in path.parts:
                name = str(path.relative_to(ROOT))
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def names_in(tree):
    """All names that a file gives or uses."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            yield node.arg


def loose(tree):
    """The parameters whose type has ``Any`` in it, as texts."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function.args):
                if isinstance(node, ast.arg) and node.annotation is not None:
                    kind = ast.unparse(node.annotation)
                    if re.search(r"\b(Any|Native)\b", kind):
                        yield f"{function.name}({node.arg}: {kind})"


def test_no_unclear_name_is_back():
    files = list(trees(*FOLDERS))
    assert len(files) > 300
    for name, tree in files:
        unclear = UNCLEAR.intersection(names_in(tree)) - OURS.get(name, set())
        assert not unclear, (name, unclear)


def test_an_unclear_name_is_seen():
    for text in ("class Place: pass", "a.weigh", "def f(weigh): pass", "f(weigh=1)"):
        assert UNCLEAR.intersection(names_in(ast.parse(text))), text


def test_few_parameters_may_be_anything():
    """Text that is copied into programs has no types."""
    text = re.compile("/snippets/")
    files = [tree for name, tree in trees(*PACKAGE) if not text.search(name)]
    texts = [text for tree in files for text in loose(tree)]
    assert 0 < len(texts) < MOST_ANY, len(texts)
    (one,) = loose(ast.parse("def f(a: int, *, b: dict[str, Any] = {}): pass"))
    assert one == "f(b: dict[str, Any])"


def test_nothing_is_left_that_nobody_names():
    """A function or class whose name stands nowhere else: neither in the code, the tests
    nor the pages. What users call stands at least in a test."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md", ".j2") and "results" not in path.parts
    ]
    times = Counter(word for text in texts for word in re.findall(r"\w+", text))
    alone = {
        f"{name}: {node.name}"
        for name, tree in trees(*PACKAGE)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and times[node.name] == 1
        and node.name not in CALLED_BY_OTHERS
        and not node.name.startswith(("__", "GroupedConv"))  # named with f"Grouped{…}"
    }
    assert alone == set()
    assert times["test_nothing_is_left_that_nobody_names"] == 2  # here, and its end

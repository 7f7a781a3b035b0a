"""Helpers in programs that polyframe wrote: classes that compute the neutral meaning.

A class counts as polyframe's own if it is a snippet of the backend word by word; whatever
a program says of itself, no other class is trusted.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache

from polyframe.compiler.python.snippets import definitions, library
from polyframe.contract import registry
from polyframe.spec.optimizers import Optimizer
from polyframe.study.lint.tables import Call, element_fields, frameworks

ELEMENTS = {"AMSGrad": "Adam"}
"""Helper → the optimizer that it is, where it is called otherwise."""
NEUTRAL = "torch"
"""The framework whose meaning is the neutral one."""


def helper_call(backend: str, node: ast.ClassDef) -> Call | None:
    """What a call of a class says; None unless it is a helper that decides a setting."""
    if ast.dump(node) not in snippets(backend).get(node.name, ()):
        return None
    framework = frameworks()[backend]
    if node.name in framework.helpers:
        return framework.helpers[node.name]
    element = ELEMENTS.get(node.name, node.name)
    if element not in Optimizer.registry:
        return None
    order, defaults = signature(node)
    neutral = [c for c in frameworks()[NEUTRAL].calls.values() if c.element == element]
    sets = neutral[0].sets if neutral else {}
    own = {} if "learning_rate" in order else {"lr": None}  # given at each step
    known = element_fields(element)
    names = {k: v for k, v in SPELT.items() if k in order and v in known}
    return Call(element, order, names, {**defaults, **own}, sets=sets)


SPELT = {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps", "rho": "alpha"}
"""Arguments of helpers → fields, where they are called otherwise."""


def signature(node: ast.ClassDef) -> tuple[list[str], Mapping[str, object]]:
    """The arguments of a class by position, and the defaults that are constants."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            names = [a.arg for a in each.args.args[1:]]
            values = each.args.defaults
            pairs = zip(names[len(names) - len(values) :], values, strict=True)
            return names, {k: v.value for k, v in pairs if isinstance(v, ast.Constant)}
    return [], {}


@cache
def snippets(backend: str) -> Mapping[str, frozenset[str]]:
    """Class → what its snippets are as syntax trees, without positions."""
    folder = registry.get(backend).file("snippets")
    trees: dict[str, set[str]] = {}
    for path in library(folder) if folder is not None else ():
        for name, text in definitions(path).items():
            node = ast.parse(text).body[0]
            if isinstance(node, ast.ClassDef):
                trees.setdefault(name, set()).add(ast.dump(node))
    return {name: frozenset(texts) for name, texts in trees.items()}

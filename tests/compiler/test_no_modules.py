"""Emitted programs reach layers as people do: never by ``self._modules["2"]``."""

from __future__ import annotations

import itertools
import keyword
import re

import pytest
from helpers.named_graphs import graphs
from helpers.programs import SPECS, spec_of, write
from hypothesis import given, settings

import polyframe as pf
from polyframe.backends.gluon.reserved import RESERVED as GLUON
from polyframe.backends.pytorch.reserved import KEYED
from polyframe.backends.pytorch.reserved import RESERVED as TORCH
from polyframe.backends.tf.reserved import RESERVED as TF
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import write_inference
from polyframe.errors import UnsupportedError
from polyframe.spec import shipped

BACKENDS = ("torch", "tensorflow", "mxnet")
SEMANTICS = ("aligned", "native")


def check(spec: pf.ModelSpec, backend: str) -> None:
    """All its programs on a backend: idiomatic and rewritten, of both semantics, for
    training and for inference."""
    writer = registry.get(backend)
    for optimize, semantics in itertools.product((False, True), SEMANTICS):
        target = Target("float32", semantics=semantics)
        try:
            sources = (
                write(spec, backend, optimize, semantics=semantics).source,
                write_inference(spec, writer, target, optimize).program.source,
            )
        except UnsupportedError:
            continue
        for source in sources:
            assert not re.search(r"\b_modules\b", source)


@pytest.mark.parametrize("name", ["sequences", "clashes", "vgg11", "convnext_tiny"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_in_some_programs(name: str, backend: str) -> None:
    spec = spec_of(name) if name in SPECS else pf.load_spec(name)
    check(spec, backend)


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*pf.zoo.list(), *SPECS])
def test_in_all_shipped_models(name: str, backend: str) -> None:
    check(spec_of(name) if name in SPECS else pf.load_spec(name), backend)


@pytest.mark.full
@pytest.mark.parametrize("name", shipped.names("recipe"))
def test_in_all_recipes(name: str) -> None:
    for backend in BACKENDS:
        check(pf.load_recipe(name).model, backend)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_in_random_programs(drawn: tuple[list[object], list[object], object]) -> None:
    inputs, outputs, _ = drawn
    spec = pf.ModelSpec(inputs, outputs, name="drawn")  # type: ignore[arg-type]
    for backend in BACKENDS:
        check(spec, backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_programs_with_names_of_attributes(backend: str) -> None:
    words = sorted(TORCH | KEYED | TF | GLUON | set(keyword.kwlist))
    words = [word for word in words if not word.startswith("_")]
    names = [*words, "0", "7", "layer7"]
    layers = [{"type": "Dense", "out_features": 2, "name": name} for name in names]
    block = {"type": "Block", "inputs": ["x"], "layers": layers, "name": "block"}
    for some in ([*layers, block], [block]):
        check(pf.load_spec({"inputs": {"x": [2]}, "layers": some}), backend)

"""``polyframe/__init__.pyi``: what ``pf.`` offers, at run time and in an editor."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest
import stub

import polyframe as pf
from polyframe import spec
from polyframe.spec.element import Element


def test_the_stub_is_what_the_generator_writes_now():
    assert stub.STUB.read_text() == stub.stub(), "run `make stub`"


def test_every_name_resolves():
    for name in pf.__all__:
        assert getattr(pf, name) is not None
    assert set(pf.__all__) <= set(dir(pf))
    assert set(pf.__all__) == {*stub.public(), *stub.FOLDERS}


def test_every_shipped_element_is_public():
    for module in pkgutil.walk_packages(spec.__path__, "polyframe.spec."):
        importlib.import_module(module.name)
    families = [family for family in Element.__subclasses__() if family.registry]
    assert len(families) >= 8
    for family in families:
        for word, element in family.registry.items():
            if element.__module__.startswith("polyframe."):
                assert getattr(pf, element.__name__) is element, word


def test_a_private_element_and_a_base_are_not_public():
    assert not {"Conv", "Pool", "Element", "_Adam"} & set(pf.__all__)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="Conv4D"):
        _ = pf.Conv4D


def test_backends_can_be_called_before_and_after_one_is_loaded():
    code = (
        "import polyframe as pf; first = pf.backends(); import polyframe.backends;"
        "assert pf.backends() == first; print(*first)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == pf.backends(), done.stderr


def test_importing_polyframe_imports_no_framework_and_not_even_numpy():
    code = "import polyframe, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    modules = done.stdout.split()
    assert "polyframe" in modules
    heavy = {"numpy", "yaml", "torch", "tensorflow", "mxnet", "polyframe.spec.element"}
    assert not heavy & set(modules)


@pytest.mark.parametrize("name", ["Conv2D", "compile", "zoo"])
def test_an_editor_finds_a_name_in_the_stub(name):
    assert f"import {name} as {name}" in stub.STUB.read_text()

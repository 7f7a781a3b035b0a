"""The tables of the fairness lint against the frameworks: arguments and their defaults."""

from __future__ import annotations

import importlib
import inspect

import pytest
from helpers.support import BACKENDS

from polyframe.spec.optimizers import Optimizer
from polyframe.study.lint.tables import default, element_fields, frameworks, setting_of

MODULES = {
    "torch": "torch",
    "tensorflow": "keras",
    "mxnet": "polyframe.backends.gluon.runtime",
}
"""Backend → what imports its framework; MXNet needs a name of NumPy's first."""


POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def resolve(name):
    """What a dotted name is."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def parameters(function):
    """The parameters of a class or function, without ``self``."""
    if inspect.isclass(function):
        function = function.__init__
        return list(inspect.signature(function).parameters.values())[1:]
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_arguments_and_defaults_are_the_frameworks_own(backend):
    framework = frameworks()[backend]
    importlib.import_module(MODULES[backend])
    wrong = []
    for name, call in framework.calls.items():
        if name.startswith("torchvision."):
            continue  # not installed
        try:
            found = parameters(resolve(name))
        except (AssertionError, AttributeError) as error:
            wrong.append(f"{name}: {error}")
            continue
        except ValueError:  # written in C
            continue
        own = [p.name for p in found if p.kind in POSITIONAL]
        order = list(call.order)
        if (
            order
            and own[: len(order)] != order
            and "args" not in [p.name for p in found]
        ):
            wrong.append(f"{name}: order {own[: len(order) + 1]} not {order}")
        for p in found:
            expected = call.defaults.get(p.name, p.default)
            if p.default not in (p.empty, None, expected):
                wrong.append(f"{name}: {p.name} {p.default!r}, not {expected!r}")
        if not call.element:
            continue
        for p in found:
            for i, field in enumerate(framework.fields_of(call, p.name)):
                if field not in element_fields(call.element) or p.default is p.empty:
                    continue
                if setting_of(call.element, field) is None:
                    continue
                value = p.default[i] if isinstance(p.default, tuple) else p.default
                expected = default(backend, call, field)
                if p.name in call.defaults:
                    expected = call.defaults[p.name]
                if p.name in call.inverse:
                    value = round(1 - value, 12)
                if value is None and call.element in Optimizer.registry:
                    value = expected if field == "lr" else 0.0
                if "init" in field or isinstance(value, (bool, type(None))):
                    continue
                if value != expected:
                    wrong.append(f"{name}: {field} {value!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)

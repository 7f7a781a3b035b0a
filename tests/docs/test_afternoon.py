"""The afternoon of docs/afternoon.md on the other backends, and its last lines: the same
predictions to the bit on the same backend, to rounding on another."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.pages import marked

import polyframe as pf
from polyframe.spec.interpreter import interpret
from polyframe.spec.layers import Conv2D, Dense

PAGE = "docs/afternoon.md"
UNIT = 2.0**-24
"""The unit roundoff of float32."""


def error_bound(model: pf.Model, x: np.ndarray) -> np.ndarray:
    """How far a float32 prediction for preprocessed ``x`` may be from the exact one.

    A sum of n products in any order errs at most γ·Σ|w·x| with γ = n·u / (1 - n·u)
    (Higham 2002, section 3.1), ReLU and max pooling round nothing and enlarge no
    difference, and a sum with a bias is one of n + 1 terms. So a chain of such layers
    errs at most γ of all their terms times the output of the same chain for |w| and |x|.
    """
    layers = [node.layer for node in model.graph.nodes]
    weights = model.weights()
    terms = sum(
        int(np.prod(weights[f"{layer.name}.weight"].shape[1:])) + 1
        for layer in layers
        if isinstance(layer, (Conv2D, Dense))
    )
    absolute = {name: abs(value.astype(np.float64)) for name, value in weights.items()}
    values, _ = interpret(model.graph, absolute, [abs(x)])
    return terms * UNIT / (1 - terms * UNIT) * values["fc"]


@pytest.mark.parametrize(
    ("backend", "other"), [("tensorflow", "torch"), ("mxnet", "tensorflow")]
)
def test_the_afternoon_on_another_backend(backend, other, tmp_path, monkeypatch):
    """On PyTorch it is ``test_the_blocks_run``."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    names = {"torch": backend, "mxnet": other}
    for text in marked(PAGE, "use"):
        text = re.sub('"(torch|mxnet)"', lambda found: f'"{names[found[1]]}"', text)
        exec(compile(text, PAGE, "exec"), namespace)
    tuned, same, there, x = (namespace[n] for n in ("tuned", "same", "other", "x"))
    assert (tuned.backend.name, same.backend.name) == (backend, backend)
    assert there.backend.name == other and namespace["accuracy"] > 0.8
    np.testing.assert_array_equal(same.predict(x), tuned.predict(x))
    # Both are near the definition, whose input is the preprocessed one in float32.
    (prepared,) = tuned.engine.preprocess([x / np.float32(255)])
    prepared = prepared.astype(np.float64)
    exact, _ = interpret(tuned.graph, tuned.weights(), [prepared])
    bound = error_bound(tuned, prepared)
    assert bound.max() < 1e-2 * abs(exact["fc"]).max()
    for model in (tuned, there):
        assert (abs(model.predict(x) - exact["fc"]) <= bound).all()

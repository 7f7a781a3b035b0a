"""Tensors of a graph: their shapes, ``+`` and ``*``, and how they print."""

from __future__ import annotations

import pytest

import polyframe as pf
from polyframe.errors import SpecError


def test_a_tensor_has_the_shape_of_a_sample():
    x = pf.Input((3, 8, 8), name="x")
    y = pf.Conv2D(4, 3, stride=2, name="c")(x)
    assert (x.shape, y.shape) == ((3, 8, 8), (4, 3, 3))
    assert pf.Flatten()(y).shape == (36,)
    assert repr(x) == "<input x, (N, 3, 8, 8)>"
    assert repr(y) == "<c (Conv2D), (N, 4, 3, 3)>"


def test_shapes_are_those_of_the_spec_in_deep_and_wide_graphs():
    x = pf.Input((2, 6, 6))
    y = x
    for number in range(600):
        y = pf.ReLU()(y) + y if number % 2 else pf.Conv2D(2, 1)(y)
    assert y.shape == (2, 6, 6)  # of 600 layers, and 2 ** 300 paths
    spec = pf.ModelSpec(x, y, name="deep")
    assert spec.infer().output_shapes == (y.shape,)


def test_in_a_block_shapes_depend_on_where_it_stands():
    x = pf.Input()
    y = pf.Conv2D(4, 1)(x) + pf.Conv2D(4, 1)(x)
    assert (x.shape, y.shape, repr(y)) == (None, None, "<Add>")
    block = pf.Block(x, y, name="two")
    assert block(pf.Input((3, 5, 5))).shape == (4, 5, 5)


def test_plus_and_times_are_layers():
    x = pf.Input((3, 4, 4), name="x")
    y = pf.Conv2D(3, 1, name="c")(x)
    short = pf.ModelSpec(x, x + y * y, name="m")
    long = pf.ModelSpec(x, pf.Add()(x, pf.Multiply()(y, y)), name="m")
    assert short.hash == long.hash


def test_what_does_not_fit_is_told():
    x = pf.Input((3, 8, 8))
    large = pf.Conv2D(4, 9, name="large")(x)
    assert repr(large) == "<large (Conv2D)>"
    with pytest.raises(
        SpecError, match=r"^large \(Conv2D\): its kernel reaches over 9"
    ):
        assert large.shape
    with pytest.raises(SpecError, match=r"^Add: takes two tensors of the graph, got 1"):
        x + 1


def test_a_name_that_is_not_there_names_the_nearest():
    with pytest.raises(
        AttributeError, match=r"^polyframe has no 'Conv2d'. Did you mean "
    ):
        pf.Conv2d  # noqa: B018
    assert not hasattr(pf, "__wrapped__")


def test_a_word_is_a_layer_without_fields_in_text():
    text = "name: a\ninputs: {x: [1, 8, 8]}\nlayers: [ReLU, {type: ReLU}, Flatten]\n"
    long = text.replace("[ReLU,", "[{type: ReLU},").replace(
        "Flatten]", "{type: Flatten}]"
    )
    assert pf.load_spec(text).hash == pf.load_spec(long).hash

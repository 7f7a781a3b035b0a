"""``spec.replace``: another layer at a path."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf


def unit():
    x = pf.Input(name="x")
    y = pf.Conv2D(4, 3, padding="same", name="conv")(x)
    return pf.Block(x, pf.Add(name="add")(pf.ReLU(name="relu")(y), x), kind="Unit")


def network(head=10, first=4):
    return pf.Sequential(
        [
            pf.Conv2D(first, 1, name="stem"),
            pf.Sequential([unit(), unit()], name="stage"),
            pf.Flatten(name="flatten"),
            pf.Dense(head, name="fc"),
        ],
        (2, 5, 5),
        name="net",
    )


def test_a_new_head():
    spec = network()
    new = spec.replace("fc", pf.Dense(5))
    assert new == network(head=5) and new.hash == network(head=5).hash
    assert new.infer().output_shapes == ((5,),)
    assert spec == network()  # which is frozen
    assert pf.load_spec(new.to_yaml()) == new
    assert spec.replace("fc", pf.Dense(5, name="fc")) == new
    named = pf.Sequential([pf.Dense(4), pf.Dense(2)], name="fc")  # a block as the head
    assert spec.replace("fc", named).infer().parameters["fc.1.weight"].shape == (2, 4)


def test_any_depth():
    spec = network().replace("stage.1.conv", pf.Conv2D(4, 5, padding=2, bias=False))
    shapes = {name: p.shape for name, p in spec.infer().parameters.items()}
    assert shapes["stage.0.conv.weight"] == (4, 4, 3, 3)
    assert shapes["stage.1.conv.weight"] == (4, 4, 5, 5)
    assert "stage.1.conv.bias" not in shapes
    assert spec.graph.nodes[1].layer.name == "stage"
    assert spec.replace("stage.1.conv", network_conv()) == network()
    assert "stage.1.conv.weight" not in network().replace("stage.1", pf.Tanh()).infer(
    ).parameters  # fmt: skip
    model = pf.compile(spec, "torch", device="cpu")  # two classes for one kind of block
    assert model.predict(np.zeros((1, 2, 5, 5))).shape == (1, 10)


def network_conv():
    return pf.Conv2D(4, 3, padding="same")


def test_what_is_shared_is_replaced_in_all_calls():
    conv, block = pf.Conv2D(2, 3, padding="same", name="conv"), unit()
    x = pf.Input((2, 5, 5))
    spec = pf.ModelSpec(x, conv(pf.ReLU()(conv(x))), name="shared")
    new = spec.replace("conv", pf.Conv2D(2, 1))
    (weight,) = (p.shape for n, p in new.infer().parameters.items() if "weight" in n)
    assert weight == (2, 2, 1, 1)
    assert [n.shares for n in new.graph.nodes] == [None, None, "conv"]
    assert pf.load_spec(new.to_yaml()) == new
    message = (
        "conv_2: shares 'conv', whose weight is (3, 2, 1, 1), but this input needs "
    )
    fails(pf.SpecError, lambda: spec.replace("conv", pf.Conv2D(3, 1)), message)
    message = "conv_2: 'conv_2' is another call of 'conv' (replace in 'conv', which"
    fails(pf.SpecError, lambda: spec.replace("conv_2", pf.Conv2D(2, 1)), message)
    x = pf.Input((4, 5, 5))
    spec = pf.ModelSpec(x, block(block(x)), name="blocks").replace(
        "block1.conv", pf.Conv2D(4, 1)
    )
    shapes = [n.body.nodes[0].layer.kernel_size for n in spec.infer().nodes]
    assert shapes == [(1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("path", "layer", "message"),
    [
        ("fcc", pf.Dense(3), "fcc: there is no layer of this path. Did you mean 'fc'?"),
        ("stage.1.cnv", pf.ReLU(), "stage.1.cnv: there is no layer of this path. Did you "
         "mean 'stage.1.conv'? (the last layers are stem, stage, flatten, fc)"),
        ("x", pf.ReLU(), "x: there is no layer of this path."),
        ("stem.weight", pf.ReLU(), "stem.weight: there is no layer of this path."),
        ("", pf.ReLU(), "there is no layer of this path."),
        (3, pf.ReLU(), "3: there is no layer of this path."),
        ("fc", 5, "fc: got 5; a layer is needed"),
        ("fc", pf.Dense, "fc: got <class 'polyframe"),
        ("fc", pf.Dense(5, name="head"), "fc: keeps its name, and the new layer is called "
         "'head' (leave out its name)"),
        ("stage.0", pf.ReLU(name="relu"), "stage.0: keeps its name"),
        ("fc", pf.Add(), "fc (Add): takes at least 2 inputs, got 1"),
        ("stage.0.add", pf.ReLU(), "stage.0.add (ReLU): takes 1 inputs, got 2"),
        ("fc", pf.Conv2D(3, 3), "fc (Conv2D): takes (C, H, W) for each sample, got (100,)"),
        ("stem", pf.Conv2D(7, 1), "stage.0.add (Add)"),
    ],
)  # fmt: skip
def test_errors_name_the_path(path, layer, message):
    fails(pf.SpecError, lambda: network().replace(path, layer), message)

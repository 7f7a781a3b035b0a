"""The shipped models that torchvision has take its checkpoints by name.

``torchvision.json`` holds what ``tools/torchvision_names.py`` found in torchvision itself,
after it had loaded every model's weights and compared the predictions in float64.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers.small_models import small
from torchvision_names import fingerprint

import polyframe as pf
from polyframe.io.state_dicts import canonical_names
from polyframe.io.weights import load

KEPT = json.loads(Path(__file__).with_name("torchvision.json").read_text())["models"]


def regnet(name, shape):
    """Our name and shape as torchvision's: of RegNet, ``block1-0`` for ``block1_0``."""
    return re.sub(r"(block\d+)_(\d+)", r"\1-\2", name), shape


def convnext(name, shape):
    """Of ConvNeXt: dense layers between two transpositions."""
    if name.endswith("layer_scale.weight"):
        return name.removesuffix(".weight"), (*shape, 1, 1)
    inner = re.search(r"\.block\.([124])\.", name)
    if inner:
        name = name.replace(inner[0], f".block.{ {'1': 2, '2': 3, '4': 5}[inner[1]] }.")
        shape = shape[:2]
    return name, shape


THEIRS = {"regnet_y_400mf": regnet, "convnext_tiny": convnext}


def state_shapes(name, spec):
    """The entries of torchvision's ``state_dict`` for a model of that size."""
    shapes = {}
    for ours, parameter in spec.infer().parameters.items():
        as_theirs = THEIRS.get(name, lambda *pair: pair)
        key, shape = as_theirs(ours, parameter.shape)
        shapes[key] = shape
        if key.endswith("running_var"):
            shapes[key.replace("running_var", "num_batches_tracked")] = ()
    return shapes


def test_all_models_of_torchvision_are_here():
    assert len(KEPT) == 28
    assert set(pf.zoo.TORCHVISION_RENAME) <= set(KEPT) <= set(pf.zoo.list())


@pytest.mark.parametrize("name", KEPT)
def test_names_and_shapes_are_those_of_torchvision(name):
    """Every one of them, at full size."""
    spec = getattr(pf.zoo, name)()
    shapes = state_shapes(name, spec)
    assert len(shapes) == KEPT[name]["entries"]
    assert fingerprint(shapes) == KEPT[name]["sha256"]
    rename = pf.zoo.TORCHVISION_RENAME.get(name)
    parameters = spec.infer().parameters
    assert set(canonical_names(shapes, parameters, rename, name)) == set(parameters)


SAMPLE = ("resnet18", "regnet_y_400mf", "convnext_tiny", "squeezenet1_1")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.full] * (n not in SAMPLE)) for n in KEPT],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_checkpoint_is_loaded_by_name(tmp_path, name, suffix):
    """Of the names and shapes above, at a small size; the files as torchvision's users
    make them."""
    spec = small(name)
    generator = torch.Generator().manual_seed(0)
    state = {
        key: torch.rand(shape, generator=generator) if shape else torch.tensor(7)
        for key, shape in state_shapes(name, spec).items()
    }
    path = tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else safetensors.torch.save_file)(state, path)
    model = pf.compile(spec, "torch", device="cpu")
    report = model.load_weights(path, rename=pf.zoo.TORCHVISION_RENAME.get(name))
    assert report.complete
    as_theirs = THEIRS.get(name, lambda *pair: pair)
    for ours, value in model.weights().items():
        key, shape = as_theirs(ours, value.shape)
        np.testing.assert_array_equal(value.reshape(shape), state[key].numpy())
    model.save_weights(path.with_name("ours.safetensors"))
    assert set(load(path.with_name("ours.safetensors"))) == set(model.weights())

"""The network and its activations as pictures."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers.command_line import call, fails

import polyframe as pf
from polyframe.errors import DataError, PolyframeError
from polyframe.io.weights import save
from polyframe.spec import network_plot
from polyframe.spec.graph import Block
from polyframe.spec.layers.base import Layer
from polyframe.spec.network_plot import draw, format_of, kind_of, network_of
from polyframe.spec.sampling import initial_weights
from polyframe.teach.activation_maps import (
    MOST_MAPS,
    figure,
    output_paths,
    sample_figure,
    scaled,
    strip,
)
from polyframe.teach.samples import file_samples, made_up_sample

ROOT = Path(__file__).parents[2]


def texts(svg):
    """The texts of an SVG."""
    tree = ElementTree.fromstring(svg)
    return {
        "".join(node.itertext()).strip() for node in tree.iter() if "text" in node.tag
    }


# --- the network ------------------------------------------------------------------------


def test_every_layer_shape_and_count_is_drawn():
    graph = pf.zoo.digits_cnn().infer()
    svg = draw(graph)
    found = texts(svg)
    for node in graph.nodes:
        assert {node.name, node.layer.type} <= found
    assert {"(N, 1, 8, 8)", "(N, 10)", "Input", "Output", "1,290 parameters"} <= found
    assert draw(graph) == svg  # nothing in it depends on the time


def test_the_picture_of_the_page_is_of_the_network_as_it_is():
    shown = (ROOT / "docs/trace_network.svg").read_text()
    assert texts(shown) == texts(draw(pf.zoo.residual_cnn().infer()))


def test_a_picture_asks_nobody_for_anything():
    svg = draw(pf.zoo.residual_cnn().infer(), 2)
    links = set(re.findall(r"https?://[^\"'< ]+", svg))
    known = ("www.w3.org", "purl.org", "creativecommons.org", "matplotlib.org")
    assert all(any(name in link for name in known) for link in links), links
    assert "<script" not in svg and "<image" not in svg


def test_blocks_are_folded_and_opened():
    graph = pf.zoo.resnet18().infer()
    one, two, every = (network_of(graph, depth) for depth in (1, 2, None))
    assert "layer1" in one.boxes and not one.frames
    assert list(two.frames) == ["layer1", "layer2", "layer3", "layer4"]
    assert "layer1.0" in two.boxes and "layer1" not in two.boxes
    assert "layer2.0.downsample.0" in every.boxes
    assert len(one.boxes) < len(two.boxes) < len(every.boxes)
    for network in (one, two, every):
        ends = {end for arrow in network.arrows for end in arrow[:2]}
        assert ends == set(network.boxes)
    into_add = [a for a in every.arrows if a.target == "layer2.0.add"]
    assert len(into_add) == 2 and {a.text for a in into_add} == {"(N, 128, 28, 28)"}
    (shortcut,) = [a for a in every.arrows if a.target == "layer2.0.downsample.0"]
    assert shortcut.source == "layer1.1.relu_2"


def test_several_inputs_outputs_and_shared_layers():
    x, z = pf.Input((2, 4, 4), name="left"), pf.Input((2, 4, 4), name="right")
    conv = pf.Conv2D(2, 1, name="conv")
    spec = pf.ModelSpec([x, z], [conv(x), pf.ReLU(name="relu")(conv(z))])
    network = network_of(spec.infer(), 1)
    names = [box.lines for box in network.boxes.values()]
    assert ("left", "Input") in names and ("relu", "Output") in names
    assert ("conv_2", "Conv2D", "weights of conv") in names


@pytest.mark.parametrize("word", sorted(Layer.registry))
def test_every_shipped_layer_has_a_kind(word):
    cls = Layer.registry[word]
    if cls.__module__.startswith("polyframe.") and not issubclass(cls, Block):
        assert kind_of(cls(**cls.examples[0][0])) != "other", word


def test_too_many_boxes_and_names_of_other_kinds(monkeypatch):
    monkeypatch.setattr(network_plot, "MOST_NODES", 20)
    graph = pf.zoo.resnet18().infer()
    assert draw(graph, 1)
    with pytest.raises(PolyframeError, match=r"more than 20 boxes \(depth 1 folds"):
        draw(graph, None)
    with pytest.raises(PolyframeError, match=r"ends in \.svg, \.png or \.pdf"):
        format_of("net.jpg")
    assert [format_of(f"a.{form}") for form in ("svg", "PNG", "pdf")] == [
        "svg", "png", "pdf",
    ]  # fmt: skip


@pytest.mark.parametrize("missing", ["pygraphviz", "matplotlib.backends.backend_agg"])
def test_the_extra_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(PolyframeError, match=r'pip install "polyframe\[teach\]"'):
        draw(pf.zoo.digits_cnn().infer())


def test_the_command_draws_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = call(
        "trace", "digits_cnn", "--plot", "net.svg", "--activations", "maps.png"
    )  # fmt: skip
    assert "network: net.svg" in told.stderr and "one training step" in told.stdout
    assert "the first sample of digits, by the definition in NumPy" in told.stderr
    assert "conv1" in texts((tmp_path / "net.svg").read_text())
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"net.svg", "maps.png"}
    same = ("--plot", "both.svg", "--activations", "both.svg")
    told = fails("trace", "digits_cnn", *same)
    assert "--plot and --activations need a file each." in told


# --- activations ------------------------------------------------------------------------


def test_maps_lie_side_by_side_each_in_its_own_scale():
    value = np.arange(3 * 4 * 5, dtype=float).reshape(3, 4, 5)
    value[1] = 7.0
    value[2, 0, 0] = np.nan
    image = strip(value)
    assert image.shape[0] == 4 and image.shape[1] == 8 * 5 + 7
    np.testing.assert_allclose(image[:, :5], scaled(value[0]))
    assert image[0, 0] == 0 and image[3, 4] == 1
    assert (image[:, 6:11] == 0).all()  # all equal
    assert np.isnan(image[0, 12]) and image[3, 16] == 1
    assert np.isnan(image[:, 5]).all() and np.isnan(image[:, 18:]).all()


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [((10,), 1, 32), ((130,), 3, 64), ((4, 50), 4, 50), ((2, 6, 3, 3), 3, 8 * 3 + 7)],
)
def test_vectors_signals_and_volumes(shape, rows, columns):
    assert strip(np.random.default_rng(0).normal(size=shape)).shape == (rows, columns)
    many = np.zeros((40, *shape[1:])) if len(shape) > 1 else np.zeros(9000)
    assert strip(many).shape[0] <= MOST_MAPS


def test_a_block_is_shown_by_its_output():
    graph = pf.zoo.residual_cnn().infer()
    paths = output_paths(graph)
    assert paths["layer1"] == "layer1.relu2" and paths["conv1"] == "conv1"
    x = made_up_sample(graph)
    made, about = sample_figure(pf.zoo.residual_cnn())
    assert about == "a made-up sample, by the definition in NumPy"
    labels = [axes.texts[0].get_text() for axes in made.axes]
    assert labels[0] == "x\nInput (N, 3, 32, 32)"
    assert any(label.startswith("layer1\nBasicBlock") for label in labels)
    assert (made_up_sample(graph)[0] == x[0]).all()
    with pytest.raises(PolyframeError, match="at most 80"):
        graph = pf.zoo.densenet121(input_shape=(3, 32, 32)).infer()
        figure(graph, {}, made_up_sample(graph), 9)


def test_a_backend_shows_what_the_definition_does(tmp_path):
    """The same weights from a file, and the same sample: the same picture, nearly."""
    spec = pf.zoo.digits_cnn()
    weights = initial_weights(spec.infer().parameters, 3, "float32")
    save(tmp_path / "weights.safetensors", weights)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 1, 8, 8)))
    files = [str(tmp_path / name) for name in ("x.npy", "weights.safetensors")]
    defined, _ = sample_figure(spec, 1, None, "cpu", *files)
    native, about = sample_figure(spec, 1, "torch", "cpu", *files)
    other, _ = sample_figure(spec, 1, None, "cpu", files[0])
    assert about.endswith("x.npy, on PyTorch")

    def maps(made):
        return [axes.images[0].get_array().filled(-1) for axes in made.axes]

    for one, two in zip(maps(defined), maps(native), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    assert any(abs(a - b).max() > 0.1 for a, b in zip(maps(defined), maps(other)))


def test_samples_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("wrong.npy", np.zeros((1, 3, 8, 8)))
    np.save("none.npy", np.zeros((0, 1, 8, 8)))
    np.save("text.npy", np.array(["a"]))
    for name, message in {
        "wrong.npy": r"samples \(3, 8, 8\), and the input x of digits_cnn takes \(1, 8, 8",
        "none.npy": "has no sample",
        "text.npy": "holds",
        "missing.npy": "missing.npy",
    }.items():
        options = ("--activations", "maps.png", "--input", name)
        assert re.search(message, fails("trace", "digits_cnn", *options)), name
    assert not (tmp_path / "maps.png").exists()
    with pytest.raises(DataError, match="takes"):
        file_samples(pf.zoo.digits_cnn().infer(), tmp_path / "wrong.npy", None)
    (tmp_path / "folder.svg").mkdir()
    assert "cannot be written" in fails("trace", "digits_cnn", "--plot", "folder.svg")
    assert [path.name for path in tmp_path.glob("*folder*")] == ["folder.svg"]


def test_an_image_becomes_a_sample(tmp_path):
    from PIL import Image

    Image.new("RGB", (20, 30), (255, 0, 0)).save(tmp_path / "red.png")
    (x,) = file_samples(pf.zoo.residual_cnn().infer(), tmp_path / "red.png", None)
    assert x.shape == (1, 3, 32, 32)
    np.testing.assert_array_equal(x[0, :, 5, 5], [1, 0, 0])

"""The time of each layer: what is subtracted, medians, and a real measurement."""

from __future__ import annotations

import json
import math
import os

import pytest
from helpers.command_line import call
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.errors import PolyframeError, UnsupportedError
from polyframe.spec.graph import Block
from polyframe.spec.layers.base import Layer
from polyframe.teach.recipes import recipe_for
from polyframe.teach.single_layers import (
    SMALLEST,
    SingleLayer,
    Times,
    frame,
    frames_of,
    single_layers,
)
from polyframe.teach.timed_programs import FAST, WHOLE, layer_key
from polyframe.teach.timing import answer, check, times_of

CALL = Times(1.0, 4.0)


def frame_times(shape):
    """Seconds of a frame whose head and tail each take 3 a number, and 5 with gradients."""
    size = math.prod(shape) - 1
    return Times(CALL.forward + 2 * 3 * size, CALL.gradients + 2 * 5 * size)


def program_times(layer, forward, backward):
    """Seconds of a layer's program, by the same rules."""
    shapes = [*(layer.in_shapes if layer.headed else ()), layer.shape]
    size = sum(math.prod(shape) - 1 for shape in shapes)
    return Times(
        CALL.forward + 3 * size + forward,
        CALL.gradients + 5 * size + forward + backward,
    )


@pytest.mark.parametrize("name", ["residual_cnn", "small_unet"])
def test_the_frames_are_what_is_subtracted(name):
    layers = single_layers(getattr(pf.zoo, name)().infer())
    frames = {shape: frame_times(shape) for shape in frames_of(list(layers.values()))}
    assert SMALLEST in frames
    for layer in layers.values():
        measured = program_times(layer, 7.0, 11.0)
        assert layer.seconds_of(measured, frames) == pytest.approx((7.0, 11.0))
        assert layer.seconds_of(program_times(layer, -1.0, -1.0), frames) == (0.0, 0.0)


def test_heads_stand_where_the_gradient_of_the_input_is_needed():
    layers = single_layers(pf.zoo.residual_cnn().infer())
    assert not layers["conv1"].headed and layers["bn1"].headed
    assert [n.name for n in layers["conv1"].spec.graph.nodes] == [
        "layer", "flat", "tail",
    ]  # fmt: skip
    add = layers["layer1.add"].spec.infer()
    assert [n.name for n in add.nodes] == [
        "head0", "shape0", "head1", "shape1", "layer", "flat", "tail",
    ]  # fmt: skip
    assert add.nodes[4].in_shapes == layers["layer1.add"].in_shapes
    assert frame((3, 4, 5), "NCHW").infer().nodes[1].shape == (3, 4, 5)


def test_no_axes_are_moved_where_channels_come_last():
    """A reshape would transpose there, and a frame without a layer would not."""
    layers = single_layers(pf.zoo.residual_cnn().infer(), "NHWC")
    for each in layers.values():
        words = [node.layer.type for node in each.spec.infer().nodes]
        words.remove(each.layer.type)
        assert "Reshape" not in words and "Flatten" not in words, words
    add = layers["layer1.add"].spec.infer()
    assert [n.name for n in add.nodes] == ["head0", "head1", "layer", "means", "tail"]
    for shape in ((3, 4, 5), (3, 4), (2, 3, 4, 5), (7,)):
        assert frame(shape, "NHWC").infer().output_shapes == ((1,),)


def test_equal_layers_are_timed_once():
    layers = single_layers(pf.zoo.resnet18().infer())
    keys = {layer_key(each) for each in layers.values()}
    assert layer_key(layers["layer1.0.conv1"]) == layer_key(layers["layer1.1.conv2"])
    assert layer_key(layers["layer1.0.conv1"]) != layer_key(layers["layer2.0.conv1"])
    assert len(keys) < len(layers) / 2


@pytest.mark.parametrize("word", sorted(Layer.registry))
def test_every_layer_can_stand_alone(word):
    cls = Layer.registry[word]
    if issubclass(cls, Block):
        return
    for fields, shapes in cls.examples:
        layer = cls(**fields).resolve({})
        for layout in ("NCHW", "NHWC"):
            single = SingleLayer(layer, shapes, layer.infer(*shapes), True, layout)
            (node,) = [n for n in single.spec.infer().nodes if n.name == "layer"]
            assert node.shape == single.shape


def turn_of(layers, factor=1.0):
    """A turn as workers answer it, in which each layer takes 7 and 11 seconds."""

    def measured(times):
        forward, gradients = times
        return {"forward": factor * forward, "gradients": factor * gradients}

    programs = {
        layer_key(each): measured(program_times(each, 7.0, 11.0))
        for each in layers.values()
    }
    frames = frames_of(list(layers.values()))
    programs |= {str(shape): measured(frame_times(shape)) for shape in frames}
    step = {"forward": 10.0, "gradients": 30.0, "step": 35.0}
    programs[WHOLE] = {name: factor * value for name, value in step.items()}
    programs[FAST] = {name: factor * value / 2 for name, value in step.items()}
    return programs


def phases(times):
    """Forward, backward, update and the whole."""
    return times.forward, times.backward, times.update, times.step


def test_times_are_medians_of_turns_and_gaps_are_named():
    layers = single_layers(pf.zoo.digits_cnn().infer())
    turns = [turn_of(layers, factor) for factor in (1.0, 9.0, 2.0)]
    gap = layer_key(layers["pool2"])
    times = times_of("torch", layers, turns, {"version": "1"}, {gap: "it cannot"})
    assert times.layers["conv1"] == pytest.approx((14.0, 22.0))
    assert times.missing == {"pool2": "it cannot"} and "pool2" not in times.layers
    assert times.sum == pytest.approx((14.0 * 7, 22.0 * 7))
    assert phases(times.whole) == pytest.approx((20.0, 40.0, 10.0, 70.0))
    assert phases(times.fast) == pytest.approx((10.0, 20.0, 5.0, 35.0))
    assert times.whole.spread == pytest.approx(8 * 35 / 70)


def test_what_a_backend_cannot_is_told_before_anything_runs():
    norm = pf.InstanceNorm(track_running_stats=True, name="norm")
    spec = pf.Sequential([norm, pf.Flatten(), pf.Dense(2)], input_shape=(3, 4, 4))
    with pytest.raises(UnsupportedError, match="norm"):
        check(recipe_for(spec), "mxnet")
    check(recipe_for(spec), "torch")


def test_the_error_of_a_worker_is_raised_here():
    class Failing:
        def ask(self, request):
            return {"error": {"message": "no", "where": "conv1", "hint": "do"}}

    with pytest.raises(PolyframeError, match=r"^conv1: no \(do\)$"):
        answer(Failing(), {"do": "round"})


@pytest.mark.parametrize(
    "backend",
    [pytest.param(b, marks=[pytest.mark.full] * (b != "torch")) for b in BACKENDS],
)
def test_a_real_measurement(backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layers = [pf.Conv2D(4, 3, name="conv1"), pf.ReLU(), pf.Flatten(), pf.Dense(3)]
    spec = pf.Sequential(layers, input_shape=(2, 8, 8), name="tiny")
    (tmp_path / "tiny.yaml").write_text(spec.to_yaml())
    options = ("--threads", 1, "--repeats", 2, "--batch-size", 4)
    told = call("trace", "tiny.yaml", "-b", backend, *options, "--json").stdout
    data = json.loads(told)
    measured = data["backends"][backend]
    assert measured["missing"] == {} and measured["threads"] == 1
    for key in ("step", "step_with_rewrites"):
        assert measured[key]["total"] > 0 and measured[key]["forward"] > 0
    seconds = {row["layer"]: row["seconds"][backend] for row in data["layers"]}
    assert sum(each["forward"] for each in seconds.values()) == pytest.approx(
        measured["layers_alone"]["forward"]
    )
    assert seconds["conv1"]["forward"] > 0


def test_the_table_of_times(monkeypatch):
    """The table, for a measurement that is made up: backends beside each other."""
    from polyframe.teach import trace as module

    layers = single_layers(pf.zoo.digits_cnn().infer())
    turns = [turn_of(layers, factor / 1e6) for factor in (1.0, 3.0, 1.0)]
    facts = {"version": "1.0", "threads": 1, "device": "cpu"}
    gap = {layer_key(layers["pool2"]): "pool2: it cannot"}

    def measured(recipe, backends, *others):
        return [times_of(name, layers, turns, facts, gap) for name in backends]

    monkeypatch.setattr(module, "time_layers", measured)
    text = call("trace", "digits_cnn", "-b", "torch", "-b", "mxnet").stdout
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert rows["conv1"].count("0.007") == 2 and rows["conv1"].count("0.011") == 2
    assert rows["pool2"][1:] == ["-", "-"] or "-" in rows["pool2"]
    assert rows["sum of the layers"][4:6] == ["0.049", "0.077"]
    assert "The turns lie 200 % apart" in text
    assert "pool2 was not timed alone: pool2: it cannot" in text
    assert "0.24 times as long" in " ".join(text.split())


def test_threads_are_the_process_s_own_again_afterwards(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    call("trace", "digits_cnn", "--threads", 1)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    call("trace", "digits_cnn", "--threads", 1)
    assert "OMP_NUM_THREADS" not in os.environ

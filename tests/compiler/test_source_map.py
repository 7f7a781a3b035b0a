"""The source map names the lines of every node, loss and part of a step."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from helpers.programs import SPECS, spec_of, step_of, write
from helpers.steps import heads, losses_of, targets_of

import polyframe as pf
from polyframe.compiler.program import WHOLE, Program, Span
from polyframe.contract.modules import load, program_errors
from polyframe.contract.programs import write_inference
from polyframe.contract.registry import get
from polyframe.errors import ProgramError
from polyframe.spec.typed import flatten

BACKENDS = ("torch", "tensorflow", "mxnet")
MADE = {
    "Conv2D": r"Conv2d\(|Conv2D\(",
    "Dense": r"Linear\(|Dense\(",
    "BatchNorm": r"BatchNorm\w*\(|BatchNormalization\(",
    "Dropout": r"Dropout\(",
}
"""What the construction of a layer says, on any backend."""
CALLED = {
    "Add": r"\+|\badd|sum\(",
    "Concat": r"concat|cat\(",
    "Softmax": r"softmax",
}


def checked(program: Program, path: str, role: str) -> str:
    """The lines of a role, which are lines of the file."""
    span = program.source_map[path][role]
    lines = program.source.splitlines()
    assert span.file in program.files
    assert 1 <= span.first <= span.last <= len(lines)
    text = "\n".join(lines[span.first - 1 : span.last])
    assert text == "\n".join(program.lines(path, role))
    return text


@pytest.mark.parametrize("optimize", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SPECS)
def test_every_node_has_its_lines(name: str, backend: str, optimize: bool) -> None:
    if name in ("many", "nested"):
        optimize = False
    spec = spec_of(name)
    program = write(spec, backend, optimize)
    nodes = flatten(spec.infer()).nodes
    assert {node.path for node in nodes} <= set(program.source_map)
    for node in nodes:
        word, roles = node.layer.type, program.source_map[node.path]
        forward = checked(program, node.path, "forward")
        assert re.search(r"= ", forward), forward
        if word in CALLED and "construction" not in roles:
            assert re.search(CALLED[word], forward, re.IGNORECASE), (word, forward)
        if node.parameters:
            assert "construction" in roles, node.path
        if "construction" not in roles:
            continue
        made = checked(program, node.path, "construction")
        if word in MADE:
            assert re.search(MADE[word], made), (node.path, made)
        # What is made is what is called: by its name, or by its container's.
        slots = [
            program.weights[f"{node.owner}.{parameter}"]
            for parameter in node.parameters
        ]
        for native in {slot.path.split(".")[-2] for slot in slots}:
            if not native.isdigit() and f"self.{native} = " in made:
                assert f"self.{native}(" in forward


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_node_has_lines_of_its_own(backend: str) -> None:
    program = write(spec_of("residual_cnn"), backend)
    for block in ("layer1", "layer2"):
        inside = [p for p in program.source_map if re.fullmatch(rf"{block}\.\w+", p)]
        spans = [program.source_map[path]["forward"] for path in inside]
        assert len(inside) > 4 and len(set(spans)) == len(spans)
        rows = sorted(spans)
        assert all(a.last < b.first for a, b in zip(rows, rows[1:]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_blocks_of_one_class_have_its_lines(backend: str) -> None:
    program = write(pf.zoo.resnet18(num_classes=3, input_shape=(3, 32, 32)), backend)
    one, other = (program.source_map[f"layer1.{i}.conv2"] for i in (0, 1))
    assert one == other
    calls = [program.source_map[f"layer1.{i}"]["forward"] for i in (0, 1)]
    assert calls[0] == calls[1]  # both run where their container does
    made = [program.source_map[f"layer1.{i}"]["construction"] for i in (0, 1)]
    assert all("BasicBlock(" in program.source.splitlines()[s.first - 1] for s in made)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_in_a_container_has_its_own_line_there(backend: str) -> None:
    program = write(spec_of("residual_cnn"), backend)
    whole = program.source_map["layer2.shortcut"]
    first, second = (program.source_map[f"layer2.shortcut.{i}"] for i in (0, 1))
    assert first["forward"] == second["forward"] == whole["forward"]
    outer, a, b = whole["construction"], first["construction"], second["construction"]
    assert outer.first < a.first <= a.last < b.first <= b.last < outer.last
    assert "Conv" in checked(program, "layer2.shortcut.0", "construction")
    assert "Norm" in checked(program, "layer2.shortcut.1", "construction")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shared_layer_is_made_once_and_called_where_it_is_called(
    backend: str,
) -> None:
    program = write(spec_of("shared"), backend)
    one, other = program.source_map["dense"], program.source_map["dense_2"]
    assert one["construction"] == other["construction"]
    assert one["forward"] != other["forward"]
    assert (
        checked(program, "dense", "forward").split(" = ")[1][:10]
        == (checked(program, "dense_2", "forward").split(" = ")[1][:10])
    )
    inside = [path for path in program.source_map if path.endswith(".fc1")]
    assert len(inside) == 2  # a shared block: both calls have its class's lines
    first, second = (program.source_map[path] for path in inside)
    assert first == second


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_optimizer_and_step(backend: str) -> None:
    spec = heads(6)
    step = step_of(spec, backend, losses_of(6), pf.Lion(), targets=targets_of(6))
    program = write(spec, backend, step=replace(step, weighted=True))
    names = step.functions(spec.infer())
    body = checked(program, WHOLE, "loss_and_gradients")
    for number, function in enumerate(step.loss_functions(spec.infer())):
        text = checked(program, f"end{number}", "loss")
        name = names[function]
        assert text.startswith((f"def {name}(output, target):", f"{name} = "))
        assert f"{name}(outputs[{number}], target[{number}])" in body
    for role, start in {
        "optimizer": "def make_optimizer(model):",
        "optimizer_class": "class Lion(",
        "loss_and_gradients": "def loss_and_gradients(",
        "apply": "def apply(",
        "train_step": "@tf.function" if backend == "tensorflow" else "def train_step(",
    }.items():
        assert checked(program, WHOLE, role).startswith(start)
    assert "Lion(" in checked(program, WHOLE, "optimizer")


def test_an_output_that_stands_there_twice_has_two_losses() -> None:
    spec = spec_of("several")
    step = step_of(spec, "torch", ["mse", "l1", "mse", "huber"])
    program = write(spec, step=step)
    first = checked(program, "vector", "loss")
    second = checked(program, "vector (output 4)", "loss")
    assert "mse_loss" in first and "huber_loss" in second


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_folded_has_the_lines_of_what_it_is_folded_into(backend: str) -> None:
    spec = spec_of("residual_cnn")
    target = replace(pf.compile(spec, backend).engine.target, training=False)
    program = write_inference(spec, get(backend), target, True).program
    assert program.source_map["bn1"] == program.source_map["conv1"]
    assert "Conv" in checked(program, "bn1", "construction")


def test_errors_name_the_node_and_its_line() -> None:
    import torch

    program = write(spec_of("simple_cnn"))
    model = getattr(load(program), program.entry)()
    line = program.source_map["conv1"]["forward"].first
    with (
        pytest.raises(ProgramError) as caught,
        program_errors("simple_cnn", "PyTorch"),
    ):
        model(torch.zeros(1, 4, 32, 32))
    where = f"conv1 (forward), simple_cnn_torch.py line {line}: x = self.conv1(x)"
    assert str(caught.value.where).startswith(where)
    module = load(program)
    with (
        pytest.raises(ProgramError) as caught,
        program_errors("simple_cnn", "PyTorch"),
    ):
        module.apply(None, 0.1)
    assert str(caught.value.where).startswith("apply, simple_cnn_torch.py line ")


def test_files_may_be_bytes() -> None:
    files = {"net.prototxt": "name: 'net'\n", "net.caffemodel": b"\x00\xff"}
    spans = {"conv1": {"construction": Span("net.prototxt", 1, 1)}}
    program = Program(files, "net", {}, language="prototxt", source_map=spans)
    assert program.source == "name: 'net'\n" and list(program.texts) == ["net.prototxt"]
    assert program.lines("conv1", "construction") == ["name: 'net'"]
    other = replace(program, files=files | {"net.caffemodel": b"\x00\xfe"})
    assert program.hash != other.hash
    assert replace(program, files={"model.onnx": b"\x08"}).source == ""

"""A program in another language than Python is ejected as it is; nothing is refused."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.compiler.program import WHOLE, Program, Slot, Span
from polyframe.contract.backend import Backend, Probe
from polyframe.contract.devices import choose_device
from polyframe.eject import folder
from polyframe.eject.write import eject
from polyframe.run.train import load_data
from polyframe.spec.sampling import initial_weights
from polyframe.spec.typed import flatten


class Sentences(Backend):
    """It writes networks as sentences, and a table of bytes; it never runs."""

    name = "sentences"
    title = "Sentences"
    install = "none"
    layout = "NHWC"
    abilities = frozenset({"infer", "train", "native_semantics", "bfloat16"})
    table = {}

    def probe(self):
        return Probe(False, None, problem="it never runs")

    def write(self, graph, target, step):
        flat = flatten(graph)
        lines = [f"{node.path} is a {node.layer.type}." for node in flat.nodes]
        lines.append("Go down the gradient." if step else "Predict.")
        return Program(
            {"net.words": "\n".join(lines), "more/table.bin": b"\x00\xff"},
            "net",
            {
                name: Slot(f"w{i}", perm=(1, 0) if len(p.shape) == 2 else None)
                for i, (name, p) in enumerate(graph.parameters.items())
            },
            language="words",
            source_map={
                WHOLE: {"train_step": Span("net.words", len(lines), len(lines))}
            },
        )

    def resolve_device(self, device):
        return choose_device(device, 0, self.title)

    def open_inference(self, program, target, device, inputs):
        raise AssertionError("nothing is opened")


class Predicting(Sentences):
    abilities = frozenset({"infer"})


def small(**settings):
    return pf.load_recipe(
        "digits_cnn",
        {"data": "synthetic", "data.train": 40, "data.test": 8, **settings},
    )


def files_in(path):
    return {f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file()}


def test_the_folder_has_all_that_is_needed(tmp_path):
    recipe, out = small(), tmp_path / "out"
    data = load_data(recipe)
    paths = eject(recipe, Sentences(), out, data)
    assert files_in(out) == {
        "README.md", "program/net.words", "program/more/table.bin", "weights.npz",
        "data.npz", "recipe.yaml",
    }  # fmt: skip
    assert {path.relative_to(out).as_posix() for path in paths} == files_in(out)
    assert (out / "program/more/table.bin").read_bytes() == b"\x00\xff"
    assert "Go down the gradient." in (out / "program/net.words").read_text()
    assert pf.load_recipe(out / "recipe.yaml") == recipe
    wanted = initial_weights(recipe.model.infer().parameters, recipe.seed, "float32")
    with np.load(out / "weights.npz") as kept:
        assert {n: kept[n].tobytes() for n in kept.files} == {
            name: value.tobytes() for name, value in wanted.items()
        }
    with np.load(out / "data.npz") as kept:
        x = kept["x_train"]
        assert np.array_equal(
            x / np.float32(255) if x.dtype == "u1" else x, data.train[0]
        )
        assert np.array_equal(kept["y_train"], data.train[1])
    text = (out / "README.md").read_text()
    names = [name for name, _ in recipe.model.infer().inputs]
    assert f"| input | `{names[0]}` | (N, 1, 8, 8) | N, C, H, W |" in text
    assert "has channels last" in text
    assert re.search(
        r"\| `fc\d?.weight` \| \S+ \| `w\d+`: transpose by \(1, 0\) \|", text
    )
    assert "| train step | `net.words`," in text


SETTINGS = (
    {"semantics": "native"},
    {"schedule": "cosine", "augmentation": ["random_flip"], "drop_last": True},
    {"clip_norm": 1.0, "accumulate": 2, "ema": 0.9, "precision": "bfloat16"},
    {"freeze": ["conv1"], "unfreeze": {"conv1": 1}},
    {"loss": {"type": "cross_entropy", "class_weights": [1.0] * 9 + [2.0]}},
    {"split": 0.25, "initial_weights": "/w.safetensors"},
)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: next(iter(s)))
def test_nothing_is_refused(settings, tmp_path):
    recipe, out = small(**settings), tmp_path / "out"
    eject(recipe, Sentences(), out, load_data(recipe))
    assert pf.load_recipe(out / "recipe.yaml") == recipe
    text = (out / "README.md").read_text()
    with np.load(out / "weights.npz") as kept:
        drawn = "initializer" in str(recipe.semantics) or recipe.semantics == "native"
        assert ("conv1.weight" in kept.files) != drawn
        assert ("The framework draws these" in text) == drawn
    assert ("/w.safetensors" in text) == ("initial_weights" in settings)


def test_sample_weights_are_kept(tmp_path):
    recipe, out = small(), tmp_path / "out"
    data = load_data(recipe)
    weights = np.arange(len(data.train[0]), dtype=np.float32)
    eject(recipe, Sentences(), out, dataclasses.replace(data, weights=weights))
    with np.load(out / "data.npz") as kept:
        assert np.array_equal(kept["weights_train"], weights)


def test_large_data_are_left_out_and_the_readme_gets_them(tmp_path, monkeypatch):
    recipe, out = small(split=0.25), tmp_path / "out"
    data = load_data(recipe)
    for most in (1000, 10):  # too large as bytes; too large to look at
        monkeypatch.setattr(folder, "MOST_DATA", most)
        eject(recipe, Sentences(), out / str(most), data)
    monkeypatch.chdir(out / "10")
    assert "data.npz" not in files_in(out / "10") | files_in(out / "1000")
    (code,) = re.findall(
        r"```python\n(.*?)```", (out / "10/README.md").read_text(), re.S
    )
    names = {}
    exec(code, names)
    wanted = pf.data.split(data, 0.25, recipe.seed).train
    assert np.array_equal(names["x"], wanted[0])
    assert np.array_equal(names["y"], wanted[1])


def test_a_backend_that_only_predicts_gives_its_program(tmp_path):
    recipe, out = small(), tmp_path / "out"
    eject(recipe, Predicting(), out, load_data(recipe))
    assert "Predict." in (out / "program/net.words").read_text()
    assert "does not train" in (out / "README.md").read_text()


def test_a_file_that_leads_out_of_the_folder_is_refused(tmp_path):
    class Leading(Sentences):
        def write(self, *args):
            program = super().write(*args)
            return dataclasses.replace(program, files={"../x": "", **program.files})

    recipe = small()
    fails(
        pf.ProgramError,
        lambda: eject(recipe, Leading(), tmp_path / "out", load_data(recipe)),
        "a program's file is called '../x'",
    )
    assert not (tmp_path / "out").exists()

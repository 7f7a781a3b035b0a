"""Commands that take a run folder: evaluate, predict; and folders of strangers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import call, fails

from polyframe.data import load
from polyframe.run.folder import read_run, to_json


def test_evaluate_gives_the_figures_of_the_training(run: Path) -> None:
    report = json.loads(call("evaluate", run, "--json").stdout)
    kept = json.loads((run / "result.json").read_text())
    assert {name: report[name] for name in kept["test"]} == kept["test"]
    assert (report["data"], report["part"]) == ("digits", "test")
    assert report["samples"] == 360
    assert "accuracy" in call("evaluate", run, "-b", "torch", "--device", "cpu").stdout
    text = fails("evaluate", run, "--best")
    assert "has no best.safetensors" in text and "chosen by validation data" in text


def test_predict(run: Path, here: Path) -> None:
    x, y = load("digits").test  # type: ignore[misc]
    np.save("x.npy", x)
    np.savez("x.npz", x=x[:, 0])  # grey images, the channel left out
    np.savez("other.npz", y=x)
    assert "360 samples in all" in call("predict", run, "x.npy", "-o", "out.npy").stdout
    report = json.loads(call("predict", run, "x.npz", "--json", "-o", "o.npz").stdout)
    rows = report["predictions"]
    assert report["samples"] == len(rows) == 360
    assert set(rows[0]) == {"class", "name", "probability"}
    outputs = np.load("out.npy")
    assert outputs.shape == (360, 10)
    with np.load("o.npz") as archive:
        assert set(archive.files) == {"fc", "class", "probability"}
        np.testing.assert_array_equal(archive["fc"], outputs)
        assert archive["class"].tolist() == [row["class"] for row in rows]
    accuracy = np.mean([row["class"] for row in rows] == y)
    kept = json.loads((run / "result.json").read_text())
    assert accuracy == pytest.approx(kept["test"]["accuracy"])
    assert "has no array x" in fails("predict", run, "other.npz")


def test_predict_refuses_what_is_no_samples(run: Path) -> None:
    np.save("objects.npy", np.array([{}], object))
    np.save("small.npy", np.zeros((2, 1, 8, 7)))
    np.save("whole.npy", np.zeros((2, 1, 8, 8), int))
    np.save("nan.npy", np.full((2, 1, 8, 8), np.nan))
    Path("text.npy").write_text("no array")
    assert "allow_pickle=False" in fails("predict", run, "objects.npy")
    assert "(N, 1, 8, 8) is needed" in fails("predict", run, "small.npy")
    assert "holds int64" in fails("predict", run, "whole.npy")
    assert "NaN" in fails("predict", run, "nan.npy")
    assert "damaged" in fails("predict", run, "text.npy")
    assert "does not exist" in fails("predict", run, "none.npy")


def test_run_folders_of_strangers(run: Path, here: Path) -> None:
    folder = here / "run"
    folder.mkdir()
    for name in ("recipe.yaml", "weights.safetensors"):
        assert f"no {name}" in fails("evaluate", "run")
        (folder / name).write_bytes((run / name).read_bytes())
    recipe = (run / "recipe.yaml").read_text()
    (folder / "program_torch.py").write_text("raise SystemExit('was run')")
    assert "name one with -b" in fails("evaluate", "run")
    call("evaluate", "run", "-b", "torch")
    (folder / "env.json").write_text('{"backend": "torch"')
    assert "env.json: is not JSON" in fails("evaluate", "run")
    (folder / "env.json").write_text('{"backend": "torch"}')
    (folder / "result.json").write_text('{"classes": ["a\\u001b[2J", 3, "b"]}')
    assert read_run(folder)[2:] == ("torch", ("b",))
    (folder / "recipe.yaml").write_text(recipe.replace("nels: 16", "nels: 8"))
    assert "'conv1.weight' is (16, 1, 3, 3), the model's" in fails("evaluate", "run")
    (folder / "weights.safetensors").write_bytes(bytes(100))
    assert "is not a whole safetensors file" in fails("evaluate", "run")
    (folder / "recipe.yaml").write_text("model: !!python/object:os.system {}")
    assert "recipe.yaml" in fails("evaluate", "run")


def test_result_is_json_that_every_reader_takes() -> None:
    text = to_json({"loss": float("nan"), "rows": [(1, float("inf"))], "ok": True})
    assert json.loads(text) == {"loss": None, "rows": [[1, None]], "ok": True}

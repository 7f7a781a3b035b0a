"""``polyframe explain``: what it prints, as text and as data, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.shell_completion import ShellComplete
from helpers.adding import taken_away
from helpers.command_line import call, fails

from polyframe.cli import cli, explanations
from polyframe.teach import demonstrations
from polyframe.teach.explain import registry

OWN = Path(__file__).parents[2] / "docs" / "examples" / "squared_relu.py"


def test_an_explanation_in_a_pipe() -> None:
    text = call("explain", "batch_norm").stdout
    assert text.startswith("# BatchNorm (layer)\n\nBatch normalisation over all axes")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## Fields", "## Definition in NumPy", "## Worked example",
        "## What each backend writes", "## Traps", "## Source", "## See also",
    ]  # fmt: skip
    assert "    self.it = nn.BatchNorm2d(3)\n" in text
    assert "    self.it = layers.BatchNormalization()\n" in text
    assert "`batchnorm-momentum`: Momentum weighs the new statistics" in text
    prose = [line for line in text.splitlines() if not line.startswith("    ")]
    assert max(map(len, prose)) <= 80


def test_several_meanings_are_all_shown() -> None:
    text = call("explain", "mse").stdout
    assert "# mse (loss)\n" in text and "# mse (metric)\n" in text
    assert "(metric)" not in call("explain", "loss/mse").stdout


def test_words_need_no_quotes() -> None:
    wanted = call("explain", "receptive field").stdout
    assert call("explain", "receptive", "field").stdout == wanted
    assert wanted.startswith("# receptive field (term)\n\nThe part of the input that")


def test_full_shows_every_form() -> None:
    short = call("explain", "BatchNorm").stdout
    full = call("explain", "BatchNorm", "--full").stdout
    assert "class FusedBatchNorm(layers.BatchNormalization):" in full
    assert "class FusedBatchNorm" not in short
    assert "with the helper `FusedBatchNorm` (`--full` shows it)" in " ".join(
        short.split()
    )


def test_data() -> None:
    (one,) = json.loads(call("explain", "conv2d", "--json").stdout)
    assert (one["topic"], one["family"], one["name"]) == (
        "layer/Conv2D",
        "layer",
        "Conv2D",
    )
    sections = {section["key"]: section for section in one["sections"]}
    given, gives = (b["values"] for b in sections["example"]["blocks"] if "values" in b)
    assert given["x"] == [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
    assert len(gives["output"][0][0]) == 2
    backends = {part["key"]: part for part in sections["native"]["sections"]}
    assert list(backends) == ["torch", "tensorflow", "mxnet"]
    assert "difference/conv-kernel-layout" in one["links"]
    two = json.loads(call("explain", "mse", "--json").stdout)
    assert [each["topic"] for each in two] == ["loss/mse", "metric/mse"]


def test_families() -> None:
    text = call("explain").stdout
    assert "layers (74): what a network is made of\n" in text
    assert text.endswith("explains a topic.\n")
    listed = json.loads(call("explain", "--json").stdout)
    assert "BatchNorm" in listed["layer"] and "mse" in listed["loss"]
    losses = call("explain", "losses").stdout
    assert losses.splitlines()[0].startswith("binary_cross_entropy  Cross-entropy of")
    rows = json.loads(call("explain", "losses", "--json").stdout)
    assert [row["name"] for row in rows] == listed["loss"]
    assert call("explain", "loss").stdout == losses
    assert call("explain", "aspect").stdout.startswith("# aspect (term)")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["batchnrom"],
            "error: there is no topic 'batchnrom'. Did you mean 'BatchNorm'",
        ),
        (["nn.Activation"], "error: 'nn.Activation' stands for 4 topics: layer/ReLU"),
        (["--run"], "--run takes the name of one difference"),
        (["batch_norm", "--run"], "--run takes the name of one difference"),
        (["losses", "--full"], "--full is for the explanation of one topic."),
        (["--full"], "--full is for the explanation of one topic."),
    ],
)
def test_bad_input(args: list[str], message: str) -> None:
    assert message in fails("explain", *args)


def test_a_terminal_has_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown = explanations.styled("a `b` **c**")
    assert shown == "a \x1b[32mb\x1b[0m \x1b[1mc\x1b[0m"


def test_topics_are_completed() -> None:
    shell = ShellComplete(cli, {}, "polyframe", "_POLYFRAME_COMPLETE")
    names = [item.value for item in shell.get_completions(["explain"], "batchnorm-m")]
    assert names == ["batchnorm-momentum"]


def test_a_layer_of_a_plug_in() -> None:
    with taken_away():
        text = call("--plugin", OWN, "explain", "squared_relu").stdout
    assert text.startswith("# SquaredReLU (layer)\n")
    assert "class SquaredReLU" in text and "Defined in the plug-in" in text
    assert "F.relu" in text or "torch" in text


def test_demonstrations_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs them is tested in teach/test_demonstrations.py."""
    shown = {"torch": "print(1)\nassert True\n", "mxnet": "assert False\n"}

    def demonstration(id: str, backend: str) -> SimpleNamespace:
        return SimpleNamespace(text=shown[backend])

    monkeypatch.setattr(demonstrations, "demonstration", demonstration)
    done = [registry.Run("torch", True, "1\n"), registry.Run("mxnet", None, "no mxnet")]
    monkeypatch.setattr(registry, "run_demonstrations", lambda id: done)
    text = call("explain", "batchnorm-momentum", "--run").stdout
    assert (
        "## PyTorch\n\n    print(1)\n    assert True\n\nIt printed:\n\n    1\n" in text
    )
    assert "Its claim holds." in text and "It could not be run: no mxnet." in text
    assert call("explain", "batchnorm-momentum", "--run").stderr == ""
    done[0] = registry.Run("torch", None, "no torch")
    told = call("explain", "batchnorm-momentum", "--run", code=1).stderr
    assert told == (
        "error: none of its frameworks is usable (`polyframe doctor` says why)\n"
    )
    done[0] = registry.Run("torch", True, "1\n")
    done.append(registry.Run("mxnet", False, ""))
    text = call("explain", "batchnorm-momentum", "--run", code=1).stdout
    assert "Its claim does not hold." in text
    data = json.loads(
        call("explain", "batchnorm-momentum", "--run", "--json", code=1).stdout
    )
    assert data[0] == {"backend": "torch", "holds": True, "output": "1\n"}

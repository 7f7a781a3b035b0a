"""`polyframe show`: one program, several side by side, what optimizing changes, pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.command_line import call, fails, names

from polyframe import zoo
from polyframe.cli.show import show
from polyframe.spec.recipe import load_recipe

THREE = ("-b", "torch", "-b", "tensorflow", "-b", "mxnet")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output is read by people, on 200 columns."""
    monkeypatch.setitem(show.callback.__globals__, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")


def test_show_takes_recipes_models_and_files(here: Path) -> None:
    text = call("show", "digits_cnn", "-b", "torch").stdout
    assert "lr=0.003" in text  # the recipe's, not the bare model's
    assert "pool1 before relu1" not in text
    compile(text, "program", "exec")
    Path("bare.yaml").write_text(zoo.digits_cnn().to_yaml())
    assert "Adam" in call("show", "bare.yaml", "-b", "torch").stdout
    Path("recipe.yaml").write_text(load_recipe("digits_cnn").to_yaml())
    assert call("show", "recipe.yaml", "-b", "torch").stdout == text
    optimized = call("show", "digits_cnn", "-b", "torch", "--optimize").stdout
    assert "pool1 before relu1" in optimized
    inference = call("show", "digits_cnn", "-b", "torch", "--inference").stdout
    assert "train_step" not in inference


def test_show_takes_semantics(here: Path) -> None:
    """It replaces the recipe's, whole or by aspects; mistakes are told."""
    aligned = call("show", "residual_cnn", "-b", "tensorflow").stdout
    native = call("show", "residual_cnn", "-b", "tensorflow", "--semantics", "native")
    assert "FusedBatchNorm" in aligned and "FusedBatchNorm" not in native.stdout
    assert "layers.BatchNormalization()" in native.stdout
    recipe = load_recipe("digits_cnn", {"model": "residual_cnn", "semantics": "native"})
    Path("native.yaml").write_text(recipe.to_yaml())
    for semantics, same in (("aligned", False), ("native", True)):
        options = ("native.yaml", "-b", "tensorflow")
        text = call("show", *options, "--semantics", semantics).stdout
        assert (text == call("show", *options).stdout) is same
    some = call(
        "show", "residual_cnn", "-b", "tensorflow",
        "--semantics", "norm_epsilon, norm_momentum",
    ).stdout  # fmt: skip
    assert "= FusedBatchNorm()" in some and "epsilon=1e-05" in aligned
    for wrong, message in {
        "nativ": "'nativ' is not aligned, native or an aspect of `polyframe list "
        "aspects`. Did you mean 'native'?",
        "dropout,initialiser": "'initialiser' is not aligned, native or an aspect of "
        "`polyframe list aspects`. Did you mean 'initializer'?",
    }.items():
        told = call("show", "digits_cnn", "-b", "torch", "--semantics", wrong, code=2)
        assert message in told.stderr


def test_one_program_in_a_pipe_can_be_saved() -> None:
    text = call("show", "digits_cnn", "-b", "mxnet").stdout
    compile(text, "program", "exec")
    assert "class Adam" in text and "--full" not in text and "[1]" not in text


def test_annotated_it_has_paths_notes_and_the_reasons_of_helpers() -> None:
    noted = call("show", "digits_cnn", "-b", "mxnet", "--annotate").stdout
    assert noted.count("which --full shows:") == 1 and "class Adam" not in noted
    assert "# - Adam: Adam with epsilon after the bias correction; " in noted
    assert "x = self.relu1(x)  # (N, 16, 8, 8) relu1\n" in noted
    assert re.search(
        r"\n {8}# \[\d+\] Kernels have their axes in another order. M", noted
    )
    assert re.search(r"in_channels=1\)  # conv1( \[\d+\])+\n", noted)
    full = call("show", "digits_cnn", "-b", "mxnet", "--annotate", "--full").stdout
    compile(full, "program", "exec")
    assert "class Adam" in full and "conv1 [1] [2]" in full


def test_several_programs_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = call("show", "digits_cnn", *THREE).stdout
    assert max(map(len, text.splitlines())) <= 80 and "\x1b" not in text
    assert text.count("TensorFlow:\n") == 7 and " | " not in text
    assert re.search(r"\n\[\d+\] The order of the values in a flattened image ", text)
    assert "class Adam" not in text and "# - Adam: Adam with epsilon" in text
    assert "class Adam" in call("show", "digits_cnn", *THREE, "--full").stdout
    monkeypatch.setenv("COLUMNS", "200")
    rows = call("show", "digits_cnn", *THREE).stdout.splitlines()
    assert any("import mxnet" in row and "import tensorflow" in row for row in rows)
    noted = call("show", "digits_cnn", *THREE, "--annotate").stdout
    assert re.search(r"# \[\d+\] Matrices lie the other way in Keras\.", noted)
    assert "What the frameworks do differently here" not in noted


@pytest.mark.usefixtures("terminal")
def test_a_terminal_has_colours_and_folded_helpers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = call("show", "digits_cnn", "-b", "mxnet").stdout
    assert "# Helpers, 38 lines that --full shows: Adam" in alone
    assert "class Adam" in call("show", "digits_cnn", "-b", "mxnet", "--full").stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = call("show", "digits_cnn", *THREE).stdout
    assert "\x1b[1;35m[1]" in text and "\x1b[34mdef" in text
    diff = call("show", "digits_cnn", "-b", "torch", "--diff").stdout
    assert "\x1b[31m" in diff and "\x1b[32m" in diff


def test_diff_says_which_rewrite_did_what() -> None:
    text = call("show", "digits_cnn", "-b", "torch", "-b", "mxnet", "--diff").stdout
    assert text.count("idiomatic (-), optimized (+)\n") == 2
    assert text.count("    here   pool1 before relu1, pool2 before relu2\n") == 2
    assert "    why    f(max(a, b)) = max(f(a), f(b))" in text
    folded = call("show", "residual_cnn", "-b", "mxnet", "--diff", "--inference").stdout
    assert "bn1 folded into conv1" in folded
    assert "native semantics are not rewritten" in fails(
        "show", "digits_cnn", "-b", "torch", "--diff", "--semantics", "native"
    )
    for other in ("--optimize", "--annotate"):
        told = fails("show", "digits_cnn", "-b", "torch", "--diff", other)
        assert f"--diff and {other} exclude each other." in told


def test_pages(here: Path) -> None:
    done = call("show", "digits_cnn", *THREE, "--html", "out/page.html")
    assert done.stdout == "" and done.stderr == "written: out/page.html\n"
    assert names(here / "out") == {"page.html"}
    text = (here / "out" / "page.html").read_text(encoding="utf-8")
    assert "<title>digits_cnn in PyTorch, TensorFlow and MXNet Gluon</title>" in text
    call("show", "digits_cnn", "-b", "torch", "--diff", "--html", "diff.html")
    assert "what optimizing changes" in Path("diff.html").read_text(encoding="utf-8")
    Path("folder.html").mkdir()
    told = fails("show", "digits_cnn", "-b", "torch", "--html", "folder.html")
    assert told.startswith("error: folder.html: cannot be written: ")
    Path("mine.yaml").write_text(load_recipe("digits_cnn").to_yaml())
    told = fails("show", "mine.yaml", "-b", "torch", "--html", "mine.yaml")
    assert "--html mine.yaml: the name of a page ends in .html." in told
    assert load_recipe("mine.yaml") == load_recipe("digits_cnn")
    assert names(here) == {"out", "diff.html", "folder.html", "mine.yaml"}


def test_hints_name_options_that_show_has(here: Path) -> None:
    recipe = ("show", "fashion_augmented", "-b", "mxnet")
    told = fails(*recipe, "--semantics", "native")
    hint = re.search(r"\((--semantics \S+)\)\n$", told)
    assert hint is not None and "--set" not in told
    assert "initializer" in hint[1] and "optimizer" not in hint[1].split(",")
    assert "def make_optimizer" in call(*recipe, *hint[1].split()).stdout
    native = load_recipe("digits_cnn", {"semantics": "native"})
    Path("native.yaml").write_text(native.to_yaml())
    changes = ("show", "native.yaml", "-b", "torch", "--diff")
    assert fails(*changes).endswith("(--semantics aligned)\n")
    assert "pool1 before relu1" in call(*changes, "--semantics", "aligned").stdout


def test_wrong_input_is_told_in_one_message(here: Path) -> None:
    assert "there is no shipped model or recipe 'digit_cnn'" in fails(
        "show", "digit_cnn", "-b", "torch"
    )
    assert "Did you mean 'torch'?" in fails("show", "digits_cnn", "-b", "troch")
    told = fails("show", "digits_cnn", "-b", "torch", "--html", "")
    assert "--html needs the name of a file, such as page.html." in told
    bad = ("show", "digits_cnn", "-b", "troch", "--html", "page.html")
    fails(*bad)
    assert names(here) == set()

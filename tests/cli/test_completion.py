"""``polyframe completion``: what shells complete, and that they take the script."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from helpers.command_line import call, fails

from polyframe.cli import cli


def completed(*words):
    """The completions of the last word."""
    shell = ShellComplete(cli, {}, "polyframe", "_POLYFRAME_COMPLETE")
    *before, last = words
    return shell.get_completions(list(before), last)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("comp",), {"compare", "completion"}),
        (("train", "digits"), {"digits_cnn"}),
        (("show", "vgg1"), {"vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16",
            "vgg16_bn", "vgg19", "vgg19_bn"}),
        (("summary", "masks"), {"masks_unet"}),
        (("train", "digits_cnn", "-b", "t"), {"tensorflow", "torch"}),
        (("data", "info", "fash"), {"fashion-mnist"}),
        (("list", "los"), {"losses"}),
        (("completion", ""), {"bash", "zsh", "fish"}),
    ],
)  # fmt: skip
def test_names_are_completed(words, names):
    assert {item.value for item in completed(*words)} == names


def test_where_no_name_fits_files_are_completed():
    (item,) = completed("train", "./my")
    assert (item.value, item.type) == ("./my", "file")


def test_nothing_is_printed_while_a_line_is_completed(capsys):
    completed("diff", "digits_cnn", "--st")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell):
    text = call("completion", shell).stdout
    assert f"_POLYFRAME_COMPLETE={shell}_complete" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_bash_completes_with_it():
    here = Path(sys.executable).parent
    script = f"""
PATH="{here}:$PATH"
eval "$(polyframe completion bash)"
COMP_WORDS=(polyframe train digi) COMP_CWORD=2
_polyframe_completion polyframe 2> /dev/null
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["digits_cnn"], done.stderr


def test_another_shell_is_told():
    assert "'bash', 'zsh', 'fish'" in fails("completion", "tcsh")

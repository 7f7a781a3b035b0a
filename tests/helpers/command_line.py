"""The command line called in this process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from polyframe.cli import cli


def call(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="polyframe")
    assert result.exit_code == code, (result.output, result.exception)
    return result


def fails(*args: object) -> str:
    """The one message of a command that was given bad input."""
    result = call(*args, code=2)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[Path, bytes]:
    """All files in a folder and the folders in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

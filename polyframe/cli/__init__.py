"""The command line: ``polyframe COMMAND …`` or ``python -m polyframe COMMAND …``.

Commands are thin: they read their options, call the library, and print. What they need
is imported when they run, so that ``--help`` answers at once.

Exit codes: 0 success; 1 a failed check or an internal error; 2 wrong usage or input, with
one message on stderr; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from polyframe.cli.bench import bench
from polyframe.cli.catalogue import list_command
from polyframe.cli.compare import compare
from polyframe.cli.completion import completion
from polyframe.cli.data import data
from polyframe.cli.diff import diff
from polyframe.cli.doctor import doctor
from polyframe.cli.eject import eject
from polyframe.cli.evaluate import evaluate
from polyframe.cli.explain import explain
from polyframe.cli.options import common_options, debugging
from polyframe.cli.predict import predict
from polyframe.cli.report import report
from polyframe.cli.show import show
from polyframe.cli.summary import summary
from polyframe.cli.trace import trace
from polyframe.cli.train import train
from polyframe.cli.verify import verify
from polyframe.errors import DivergedError, PolyframeError, did_you_mean
from polyframe.io.version import __version__


class Commands(click.Group):
    """A group that turns every error into one message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them, not in alphabetical order."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command of that name; the error for an unknown one suggests another."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(
                f"There is no command {name!r}.{did_you_mean(name, self.commands)}", ctx
            )
        return super().resolve_command(ctx, args)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Read the options before the command; wrong usage is told as other errors."""
        with usage_told():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click handles its own errors and a closed pipe."""
        try:
            with warnings_as_lines(), usage_told():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            raise
        except DivergedError as error:
            fail(ctx, f"error: {error}", 1)
        except PolyframeError as error:
            fail(ctx, f"error: {error}", 2)
        except KeyboardInterrupt:
            fail(ctx, "interrupted", 130)
        except Exception as error:
            text = " ".join(str(error).split())
            fail(
                ctx,
                f"error: unexpected {type(error).__name__}: {text}\n"
                "This is a bug in polyframe or in a backend; --debug shows where.",
                1,
            )


class WrongUsage(click.UsageError):
    """Wrong usage, told in the form of all other errors: ``error: …`` at the end."""

    def show(self, file: IO[str] | None = None) -> None:
        """Print the usage and the error to stderr."""
        if self.ctx is not None:
            click.echo(self.ctx.get_usage(), err=True)
            click.echo(f"Try '{self.ctx.command_path} --help' for help.\n", err=True)
        click.echo(f"error: {self.format_message()}", err=True)


@contextmanager
def usage_told() -> Iterator[None]:
    """Turn click's errors of usage into ``WrongUsage``."""
    try:
        yield
    except click.UsageError as error:
        raise WrongUsage(error.format_message(), error.ctx) from error


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print warnings of polyframe to stderr, a line each, and leave those of others as
    they are."""
    import warnings

    with warnings.catch_warnings():
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if category is UserWarning:
                click.echo(f"warning: {message}", err=True)
            else:
                before(message, category, *place)

        warnings.showwarning = show  # type: ignore[assignment]
        warnings.filterwarnings("always", category=UserWarning, module="polyframe")
        yield


def fail(ctx: click.Context, message: str, code: int) -> None:
    """Print a message (after the traceback, with --debug) and exit."""
    if debugging(ctx):
        import traceback

        traceback.print_exc()
    click.echo(message, err=True)
    ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="polyframe")
@common_options
def cli() -> None:
    """One CNN spec, native PyTorch, TensorFlow and MXNet programs.

    \b
    First steps:
      polyframe doctor                         show what is installed
      polyframe list recipes                   list the recipes to train
      polyframe summary digits_cnn             show the model layer by layer
      polyframe show digits_cnn -b torch       show the program for PyTorch
      polyframe explain batch_norm             explain a layer, a loss, a word, …
      polyframe train digits_cnn -b torch      train the model
      polyframe evaluate runs/digits_cnn/torch/1

    `polyframe COMMAND --help` explains a command, with examples.
    """


for command in (
    doctor,
    list_command,
    data,
    summary,
    show,
    explain,
    trace,
    train,
    evaluate,
    predict,
    eject,
    verify,
    diff,
    bench,
    compare,
    report,
    completion,
):
    cli.add_command(command)


def spin_shortly() -> None:
    """Let OpenMP's threads in this process, and in those that it starts, spin for a short
    while only; before a framework is imported. The user's own variables stay.

    They spin while they wait for each other. Beside other programs each wait then lasts as
    long as the scheduler's turns: an epoch took 30 times as long. (Not to spin at all, the
    policy PASSIVE, costs more on an idle machine.)
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def main() -> None:
    """The entry point of the console script."""
    spin_shortly()
    try:
        cli(prog_name="polyframe")
    except KeyboardInterrupt:
        sys.exit(130)

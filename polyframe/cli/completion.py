"""``polyframe completion``, and the names that shells complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from polyframe.cli.options import common_options

SHELLS = ("bash", "zsh", "fish")
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
def completion(shell: str) -> None:
    """Print a script that completes commands in a shell.

    It completes the names of commands, options, topics, models, recipes, data sets, and
    backends, and files.

    Examples, for bash (in ~/.bashrc), zsh (in ~/.zshrc), and fish:

    \b
      eval "$(polyframe completion bash)"
      eval "$(polyframe completion zsh)"
      polyframe completion fish > ~/.config/fish/completions/polyframe.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    root = click.get_current_context().find_root().command
    click.echo(made(root, {}, "polyframe", "_POLYFRAME_COMPLETE").source())


def completing(names: Callable[[], Iterable[str]], files: bool = False) -> Completer:
    """A completer of names and, if ``files``, of files."""

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        fitting = [CompletionItem(n) for n in names() if n.startswith(incomplete)]
        if files and not fitting:
            return [CompletionItem(incomplete, type="file")]
        return fitting

    return complete


def recipe_list() -> list[str]:
    """The shipped recipes."""
    from polyframe.zoo.library import recipe_names

    return sorted(recipe_names())


def source_list() -> list[str]:
    """The shipped models and recipes."""
    from polyframe import zoo

    return sorted({*zoo.list(), *recipe_list()})


def data_list() -> list[str]:
    """The data sets that have a name."""
    from polyframe.data import names

    return list(names())


RECIPES = completing(recipe_list, files=True)
SOURCES = completing(source_list, files=True)
DATA = completing(data_list, files=True)

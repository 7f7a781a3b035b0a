"""Options that several commands share, and reading their values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from polyframe.spec.model import ModelSpec
    from polyframe.spec.recipe import Recipe
    from polyframe.spec.semantics import Semantics

F = TypeVar("F", bound=Callable[..., Any])
DEBUG = "polyframe.debug"


def common_options(command: F) -> F:
    """``--plugin`` and ``--debug``, before or after the command's name."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[DEBUG] = True  # shared by the group and its commands

    command = click.option(
        "--plugin",
        metavar="FILE",
        multiple=True,
        is_eager=True,
        expose_value=False,
        callback=load_plugins,
        help="Python file with your own layers, losses, data sets, …, which is run; see "
        "docs/plugins.md.",
    )(command)
    return click.option(
        "--debug",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=remember,
        help="Show the Python traceback of an error.",
    )(command)


def load_plugins(
    ctx: click.Context, parameter: click.Parameter, value: Sequence[str]
) -> None:
    """Run the files; an error in one is reported as wrong usage."""
    from polyframe.errors import PolyframeError
    from polyframe.plugins import load_plugin

    for path in value:
        try:
            load_plugin(path)
        except PolyframeError as error:
            raise click.BadParameter(str(error), ctx, parameter) from error


def debugging(ctx: click.Context) -> bool:
    """Whether ``--debug`` was given."""
    return bool(ctx.meta.get(DEBUG))


PREFERRED = ("torch", "tensorflow", "mxnet")
"""The order in which backends are looked at where none was named; others follow."""


def backend_option(
    several: bool = False, count: int = 1, imports: bool = True
) -> Callable[[F], F]:
    """``-b BACKEND``, once or several times.

    - ``count``: how many are taken where none is named: the configured one and the first
      usable ones. 0 leaves that to the command.
    - ``imports``: whether the command runs the framework, so that it has to be usable.
    """

    def chosen(
        ctx: click.Context,
        parameter: click.Parameter,
        value: tuple[str, ...],
    ) -> str | tuple[str, ...] | None:
        if not several and len(value) > 1:
            raise click.BadParameter(
                f"one backend is taken, and {len(value)} are named.", ctx, parameter
            )
        if not value and count and not ctx.resilient_parsing:
            value = told_backends(count, imports)
        return value if several else next(iter(value), None)

    text = "torch, tensorflow, mxnet, or another installed backend."
    if several:
        text = f"{text} May be given several times."
    if count:
        first = "the first usable one" if count == 1 else f"the first {count} usable"
        text = f"{text} Default: `backend` in polyframe.yaml, or {first}."
    return click.option(
        "-b",
        "--backend",
        "backends" if several else "backend",
        metavar="BACKEND",
        multiple=True,  # of one alone the last would be taken in silence
        callback=chosen,
        shell_complete=complete_backends,
        help=text,
    )


def complete_backends(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The registered backends that begin so, for shells that complete."""
    from polyframe.contract import registry

    return [name for name in registry.backends() if name.startswith(incomplete)]


def told_backends(count: int, imports: bool = True) -> tuple[str, ...]:
    """The default backends, of which a line on stderr tells."""
    names = default_backends(count, imports)
    click.echo(f"backend: {' and '.join(names)} (-b chooses another)", err=True)
    return names


def default_backends(count: int, imports: bool) -> tuple[str, ...]:
    """The backend of the configuration file, then those that are preferred; of those, if
    ``imports``, the usable ones. UsageError if there are fewer than ``count``."""
    from polyframe.contract import registry
    from polyframe.errors import BackendError
    from polyframe.io.config import config_file, read_config

    path = config_file()
    given = str(read_config(path).get("backend", ""))
    known = registry.backends()
    if given and given not in known:
        registry.get(given)  # its error lists what there is
    first = [given] if given else []
    order = dict.fromkeys([*first, *PREFERRED, *known])
    taken: list[str] = []
    for name in order:
        if len(taken) == count:
            break
        if name == given or not imports:
            taken.append(name)
            continue
        try:
            backend = registry.get(name)
        except BackendError:
            continue
        if "train" in backend.abilities and backend.probe().usable:
            taken.append(name)
    if len(taken) < count:
        raise click.UsageError(
            "no backend is usable: `polyframe doctor` says why, and what to install"
            if count == 1
            else f"only {len(taken)} of the {count} backends that are needed are usable: "
            "`polyframe doctor` says why"
        )
    return tuple(taken)


set_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a key of the recipe, as YAML: --set optimizer.lr=0.01. "
    "May be given several times.",
)


def parse_semantics(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> Semantics | None:
    """``native``, ``aligned``, or the aspects that are native, with commas between."""
    from polyframe.errors import did_you_mean
    from polyframe.spec.semantics import NAMES, VALUES
    from polyframe.spec.settings import check_setting

    if value is None or value in VALUES:
        return value
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in NAMES:
            raise click.BadParameter(
                f"{name!r} is not aligned, native or an aspect of `polyframe list "
                f"aspects`.{did_you_mean(name, (*VALUES, *NAMES))}",
                ctx,
                parameter,
            )
    semantics: Semantics = check_setting("semantics", dict.fromkeys(names, "native"))
    return semantics


semantics_option = click.option(
    "--semantics",
    metavar="native|aligned|ASPECT[,ASPECT…]",
    callback=parse_semantics,
    help="What the spec means, or the aspects that are each framework's own, instead of "
    "the recipe's `semantics`.",
)


best_option = click.option(
    "--best",
    is_flag=True,
    help="Use the best weights of the checkpoints, not the last ones.",
)


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """``["optimizer.lr=0.01"]`` as ``{"optimizer.lr": 0.01}``."""
    from polyframe.io.text import parse_yaml

    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(
                f"{setting!r} is not KEY=VALUE, such as optimizer.lr=0.01",
                param_hint="--set",
            )
        values[key.strip()] = parse_yaml(value, f"--set {key.strip()}")
    return values


def load_source(source: str) -> tuple[ModelSpec, Recipe | None]:
    """The model, and the recipe if the source is one.

    A shipped recipe takes precedence over a shipped model of the same name. A file is a
    recipe if it has the key ``model``.
    """
    from collections.abc import Mapping

    from polyframe import zoo
    from polyframe.errors import SpecError, did_you_mean, listed
    from polyframe.spec.load import from_data, is_file_name, load_spec, read_data
    from polyframe.spec.recipe import load_recipe
    from polyframe.zoo.library import recipe_names

    if source in recipe_names():
        recipe = load_recipe(source)
        return recipe.model, recipe
    if is_file_name(source):
        from pathlib import Path

        data = read_data(Path(source))
        if isinstance(data, Mapping) and "model" in data:
            recipe = load_recipe(source)
            return recipe.model, recipe
        return from_data(data, source), None
    known = sorted({*zoo.list(), *recipe_names()})
    if source not in known and "\n" not in source and ":" not in source:
        raise SpecError(
            f"there is no shipped model or recipe {source!r}."
            f"{did_you_mean(source, known)}",
            hint=f"shipped: {listed(known, source)}; a file ends in .yaml or .json",
        )
    return load_spec(source), None


def size_options(command: F) -> F:
    """``--width`` and ``--input-shape``."""
    command = click.option(
        "--input-shape",
        metavar="C,H,W",
        help="Input shape of a shipped model, such as 3,32,32.",
    )(command)
    return click.option(
        "--width",
        type=click.FloatRange(0, 1000, min_open=True),
        help="Width factor of a shipped model.",
    )(command)


def shipped(
    source: str,
    width: float | None,
    input_shape: str | None,
    classes: int | None = None,
) -> tuple[ModelSpec, Recipe | None]:
    """The model and recipe of a source; a shipped model may have another width, input
    shape or number of classes."""
    options: dict[str, object] = {}
    if classes is not None:
        options["num_classes"] = classes
    if width is not None:
        options["width"] = width
    if input_shape is not None:
        try:
            options["input_shape"] = tuple(int(n) for n in input_shape.split(","))
        except ValueError:
            raise click.BadParameter(
                f"{input_shape!r} is not a shape such as 3,32,32",
                param_hint="--input-shape",
            ) from None
    if not options:
        return load_source(source)
    from polyframe import zoo

    if source not in zoo.list():
        raise click.UsageError(
            "--width and --input-shape (and --classes) are for shipped models; see "
            "`polyframe list models`."
        )
    return getattr(zoo, source)(**options), None

"""``polyframe compare``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import RECIPES
from polyframe.cli.options import (
    common_options,
    parse_settings,
    semantics_option,
    set_option,
)

if TYPE_CHECKING:
    from polyframe.cli.study_progress import Lines
    from polyframe.study.plan import Settings, Study
    from polyframe.study.run import Outcome

EXECUTORS = ("local", "dask", "ray")


@click.command()
@click.argument(
    "sources", metavar="RECIPE", nargs=-1, required=True, shell_complete=RECIPES
)
@click.option(
    "-b",
    "--backend",
    "contestants",
    metavar="BACKEND[@PYTHON]",
    multiple=True,
    help="A contestant: a backend, or one in another Python, or a name from "
    "polyframe.yaml. May be given several times.",
)
@click.option(
    "--seeds",
    default=5,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Number of seeds; each contestant trains each.",
)
@click.option(
    "--first-seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="The first of the seeds.",
)
@click.option("--epochs", type=int, help="Number of epochs.")
@click.option("--batch-size", type=int, help="Samples in a batch.")
@click.option("--dtype", help="float32 or float64.")
@set_option
@click.option(
    "--grid",
    "grids",
    metavar="KEY=V1,V2,…",
    multiple=True,
    help="Train a variant for each value of a recipe's key, or `optimize`. May be given "
    "several times: then all combinations.",
)
@click.option(
    "--ablate",
    is_flag=True,
    help="Switch each framework's defaults from aligned to native, one at a time and all "
    "together.",
)
@semantics_option
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of each process.  [default: number of processors]",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(("cpu", "gpu")),
    help="Where everything runs.",
)
@click.option(
    "--time-limit",
    metavar="SECONDS",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="A cell that takes longer is ended, and the rest go on.",
)
@click.option(
    "--target",
    type=float,
    help="Measure the time until the first metric has this value on the test data.",
)
@click.option(
    "--margin",
    default=0.005,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Differences of the first metric up to this do not matter (0.005 of an accuracy "
    "is half a point).",
)
@click.option(
    "--no-certify",
    is_flag=True,
    help="Take no certificate first; the report then says UNVERIFIED.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the plan and an estimate of its time, and run nothing.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with a study that has begun, and with nothing else. The same command "
    "without it goes on, too.",
)
@click.option("--retry-failed", is_flag=True, help="Run cells that failed once more.")
@click.option(
    "--executor",
    default="local",
    show_default=True,
    type=click.Choice(EXECUTORS),
    help="Where cells run: on this machine, or on a cluster.",
)
@click.option("--address", help="The cluster's address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="The study's folder.  [default: studies/<recipe>/<number>]",
)
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option(
    "--check",
    is_flag=True,
    help="Train nothing: read two or more programs of others (.py), or recipes, and name "
    "what would make their comparison unfair.",
)
@common_options
def compare(
    sources: tuple[str, ...],
    contestants: tuple[str, ...],
    seeds: int,
    first_seed: int,
    settings: tuple[str, ...],
    grids: tuple[str, ...],
    ablate: bool,
    threads: int | None,
    device: str,
    time_limit: float,
    target: float | None,
    margin: float,
    no_certify: bool,
    dry_run: bool,
    resume: bool,
    retry_failed: bool,
    executor: str,
    address: str | None,
    as_json: bool,
    out: str | None,
    quiet: bool,
    check: bool,
    **options: object,
) -> None:
    """Compare frameworks in a study of many trainings.

    Each contestant trains the recipe with each seed, in a process of its own. With equal
    seeds they start from the same weights and see the same data in the same order, so
    they are compared seed by seed. They take turns (A B C, A B C), so a machine that
    slows down slows all of them down. The report is written into the study's folder:
    report.html, report.md, results.csv, results.json.

    \b
    Examples:
      polyframe compare digits_cnn -b torch -b tensorflow -b mxnet
      polyframe compare digits_cnn -b torch -b mxnet --seeds 10 --epochs 5 -o study
      polyframe compare fashion_cnn -b torch -b tensorflow --seeds 3 --ablate
      polyframe compare digits_cnn -b torch --grid optimizer.lr=0.001,0.01,0.1
      polyframe compare digits_cnn -b torch -b mxnet --grid optimize=true,false
      polyframe compare simple_cnn -b torch --grid model.width=0.5,1
      polyframe compare digits_cnn -b torch -b torch@/opt/venvs/torch24
      polyframe compare digits_cnn -b torch -b tensorflow --dry-run
      polyframe compare digits_cnn -b torch --executor dask --address tcp://head:8786
      polyframe compare --check train_torch.py train_keras.py

    A contestant is a backend in a Python. `torch@PATH` is PyTorch as it is installed in
    another Python, which must have polyframe, too; PATH is the folder of a virtual
    environment, or an interpreter. A file polyframe.yaml in the working folder (or
    ~/.config/polyframe/config.yaml) gives such pairs names:

    \b
      contestants:
        torch-2.4: {backend: torch, python: /opt/venvs/torch24}

    `torch#2` is torch once more: a study of a contestant with itself (A/A) shows how much
    chance does.

    Variants: --grid trains a variant for each value. With --ablate the variants are
    aligned (the same meaning everywhere), native (each framework's own defaults), and
    each aspect of `polyframe list aspects` alone; aspects that change nothing on a
    backend are left out there.

    Before anything is timed, a certificate shows that the contestants compute the same.
    It costs a few steps on each.

    A cell is one training. One that fails or takes longer than --time-limit is told, and
    the others go on. Ctrl-C ends the cell that runs; the same command goes on without
    repeating what is finished, also with more seeds, variants or contestants. The exit
    code is 1 if a cell failed.

    With --check, the arguments are programs, which are parsed and never run; the exit
    code is 1 if something is unfair.
    """
    from polyframe.cli import study_output
    from polyframe.cli.output import print_json

    if check:
        study_output.check_programs(sources, as_json)
        return
    if len(sources) > 1:
        raise click.UsageError(f"one RECIPE is compared, not {len(sources)}")
    if not contestants:
        raise click.UsageError("Missing option '-b': name the contestants.")
    study = plan(
        sources[0], contestants, range(first_seed, first_seed + seeds), grids, ablate,
        parse_settings(settings), options, executor == "local",
        settings_of(threads, device, time_limit, target, margin, not no_certify),
    )  # fmt: skip
    folder, known = study_folder(study, out, resume)
    if dry_run:
        study_output.print_plan(study, folder, retry_failed, as_json)
        return
    watch = watcher(quiet)
    if not quiet and known:
        watch.say(f"goes on in {folder}")
    try:
        outcome = run(study, folder, executor, address, retry_failed, watch)
    finally:
        watch.close()
    if as_json:
        print_json({"folder": str(folder), **vars(outcome)})
    elif not quiet:
        click.echo(f"cells:  {outcome.done:,} done, {outcome.failed:,} failed")
        click.echo(f"folder: {folder}")
        if (folder / "report.html").is_file():
            click.echo(f"report: {folder / 'report.html'}")
    if outcome.failed:
        cells = "1 cell" if outcome.failed == 1 else f"{outcome.failed:,} cells"
        hint = "add --retry-failed to run them again"
        click.echo(f"error: {cells} failed ({hint})", err=True)
        raise click.exceptions.Exit(1)


def settings_of(
    threads: int | None,
    device: str,
    time_limit: float,
    target: float | None,
    margin: float,
    certify: bool,
) -> Settings:
    """The settings of a study from options; no certificate has no steps."""
    from polyframe.contract.devices import threads as available
    from polyframe.study.plan import Settings

    steps = Settings.certify_steps if certify else 0
    return Settings(threads or available(), device, time_limit, target, margin, steps)


def plan(
    recipe: str,
    words: tuple[str, ...],
    seeds: range,
    grids: tuple[str, ...],
    ablate: bool,
    changes: Mapping[str, object],
    options: dict[str, object],
    here: bool,
    settings: Settings,
) -> Study:
    """The plan; everything in it is checked, and no framework imported."""
    from polyframe.io.config import config_file
    from polyframe.spec.recipe import load_recipe, recipe_data
    from polyframe.study.contestants import (
        configured,
        parse_contestants,
    )
    from polyframe.study.planning import plan_study
    from polyframe.study.variants import ablation, grid, parse_grid

    given = {key: value for key, value in options.items() if value is not None}
    if ablate and (grids or "semantics" in given):
        other = "--grid" if grids else "--semantics"
        raise click.UsageError(
            f"--ablate and {other} exclude each other: an ablation is a study of its own"
        )
    base = load_recipe(recipe, {**changes, **given})
    model = recipe_data(recipe, {**changes, **given})[0]["model"]
    contestants = parse_contestants(words, configured(config_file()), here)
    variants = ablation() if ablate else grid(parse_grid(grids), model)
    return plan_study(base, contestants, variants, seeds, settings)


def study_folder(study: Study, out: str | None, resume: bool) -> tuple[Path, bool]:
    """The folder, and whether the study has begun there."""
    from polyframe.errors import PolyframeError
    from polyframe.study.folder import PLAN, StudyFolder
    from polyframe.study.planning import folder_for

    folder = Path(out) if out is not None else folder_for(study)
    StudyFolder(folder).check(study)
    known = (folder / PLAN).exists()
    if resume and not known:
        raise PolyframeError(
            "there is no such study to go on with",
            where=str(folder),
            hint="leave --resume out to begin it, or name its folder with -o",
        )
    return folder, known


def watcher(quiet: bool) -> Lines:
    """What shows the progress."""
    from polyframe.cli.study_progress import Lines, LiveTable, Silent

    if quiet:
        return Silent()
    return LiveTable() if sys.stderr.isatty() else Lines()


def run(
    study: Study,
    folder: Path,
    name: str,
    address: str | None,
    again: bool,
    watch: Lines,
) -> Outcome:
    """Run the study; when it is interrupted, say how it goes on."""
    from polyframe.study.jobs import Executor, Local
    from polyframe.study.run import compare as compare_study
    from polyframe.study.run import counted

    executor: Executor = Local()
    if name != "local" or address is not None:
        from polyframe.study.executors import make

        executor = make(name, address)
    try:
        return compare_study(study, folder, executor, again=again, watch=watch)
    except KeyboardInterrupt:
        watch.close()
        outcome = counted(study, folder)
        cells = outcome.done + outcome.failed + outcome.left
        click.echo(
            f"interrupted: {outcome.done + outcome.failed} of {cells} cells have ended; "
            f"the same command with -o {folder} goes on",
            err=True,
        )
        raise click.exceptions.Exit(130) from None
    finally:
        executor.close()

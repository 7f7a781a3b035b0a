"""``polyframe bench``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import backend_option, common_options, shipped, size_options

if TYPE_CHECKING:
    from polyframe.bench.run import Result

CHECKOUT = Path(__file__).parents[2]
HANDWRITTEN = CHECKOUT / "tests" / "handwritten"
"""The hand-written programs of a checkout. Next to an installed package, this may be
somebody else's folder: only a checkout also has ``backends`` and ``setup.py``."""
START = ("import", "build", "first step")
PHASES = (*("host to device", "forward", "backward", "update", "metric", "evaluation"),)


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, count=0)
@size_options
@click.option(
    "--classes",
    default=None,
    type=click.IntRange(2),
    help="Number of classes of a shipped model.",
)
@click.option(
    "--batch",
    type=click.IntRange(2),
    help="Batch size.  [default: a recipe's, else 32]",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of each contestant.  [default: number of processors]",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(("cpu", "gpu")),
    help="Where everything runs.",
)
@click.option(
    "--rounds",
    default=11,
    show_default=True,
    type=click.IntRange(2),
    help="Turns of each contestant.",
)
@click.option(
    "--optimizer",
    type=click.Choice(("adam", "sgd")),
    help="Adam (learning rate 0.001), or SGD (learning rate 0.01, momentum 0.9).  "
    "[default: a recipe's, else adam]",
)
@click.option(
    "--rivals",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of hand-written programs, DIR/FRAMEWORK/MODEL.py, which are run.  "
    "[default: tests/handwritten of a checkout]",
)
@click.option(
    "--skip",
    metavar="WORD",
    multiple=True,
    help="Leave out contestants whose name contains this word, such as keras. May be "
    "given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write bench.json and the plot bench.png to this folder.",
)
@common_options
def bench(
    source: str,
    backends: tuple[str, ...],
    width: float | None,
    input_shape: str | None,
    classes: int | None,
    batch: int | None,
    threads: int | None,
    device: str,
    rounds: int,
    optimizer: str | None,
    rivals: str | None,
    skip: tuple[str, ...],
    as_json: bool,
    out: str | None,
) -> None:
    """Measure the speed of training and prediction.

    The contestants on each backend are: `fit` as in a normal run, the emitted program in
    a bare loop, the same program without rewrites, and a hand-written program if there
    is one (--rivals). Keras 3 and ONNX Runtime take part if they are installed and the
    model is among the hand-written programs.

    Each contestant runs in a process of its own with the same number of threads. They
    take turns (A B C A B C), so a machine that slows down affects all of them. Times are
    medians with quartiles. A ratio is the median of paired turns, with its 95 %
    confidence interval. If contestants differ in threads, dtype, batch size or number of
    parameters, the command stops with an error.

    A recipe is trained with its own loss, optimizer, metrics, dtype and training
    settings (clipping, accumulation, precision, …), on random data. Hand-written programs
    take part where they do the same: Adam or SGD as above, the default loss, float32.

    Progress is printed to stderr. SPEC|RECIPE is a YAML or JSON file or a shipped name. If
    a name is both a model and a recipe, the recipe is used.

    \b
    Examples:
      polyframe bench simple_cnn --batch 128
      polyframe bench mobilenet_v2 --width 0.5 --input-shape 3,32,32 --classes 10 -b torch
      polyframe bench my.yaml -b torch -b mxnet --rounds 21 -o bench
    """
    from polyframe.bench.entrants import entrants
    from polyframe.bench.run import compare
    from polyframe.bench.settings import OPTIMIZERS, Settings, recipe_of
    from polyframe.cli.output import output_folder, print_json
    from polyframe.contract import registry
    from polyframe.contract.devices import threads as available

    spec, given = shipped(source, width, input_shape, classes)
    recipe = given or recipe_of(spec)
    if optimizer is not None:
        recipe = replace(recipe, optimizer=OPTIMIZERS[optimizer])
    if batch is None:
        batch = recipe.batch_size if given is not None else 32
    folder = output_folder(out)
    if rivals is None and is_checkout(CHECKOUT):
        rivals = str(HANDWRITTEN)
    settings = Settings.of(
        recipe, spec.name, batch=batch, threads=threads or available(), device=device,
        width=1.0 if width is None else width, rivals=rivals,
    )  # fmt: skip
    chosen = list(backends) or list(registry.usable("train"))
    for name in chosen:
        registry.get(name)
    contestants = entrants(settings, chosen, skip)
    if not any(entrant.kind == "fit" for entrant in contestants):
        raise click.UsageError("--skip leaves no polyframe to compare with")

    def report(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{text}", err=True, nl=False)

    result = compare(settings, contestants, rounds, report)
    report("")
    if folder is not None:
        write_files(result, folder)
    if as_json:
        print_json(result.to_data())
    else:
        print_result(result)


def write_files(result: Result, folder: Path) -> None:
    """Write the values, and the plot if matplotlib is installed."""
    from polyframe.bench.plot import plot
    from polyframe.errors import PolyframeError
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "bench.json", to_json(result.to_data()))
    try:
        write_atomic(folder / "bench.png", plot(result))
    except PolyframeError as error:
        click.echo(str(error), err=True)


def print_result(result: Result) -> None:
    """Print a table for each operation, then one for the phases."""
    from polyframe.bench.run import machine
    from polyframe.cli.output import print_table

    s, where = result.settings, machine()
    click.echo(
        f"{s.name}: batch {s.batch}, {s.dtype}, {s.threads} threads on {s.device}, "
        f"{s.told}; {where['processor']}, {where['cores']} cores"
    )
    for op, title in (("step", "training step"), ("predict", "prediction")):
        rows = []
        for entrant in result.entrants:
            spread = result.spread(op, entrant.name)
            if spread is None:
                continue
            reference = result.reference(entrant)
            ratio = result.ratio(op, entrant.name, reference)
            ratio_text = "1" if entrant.name == reference else "-"
            if ratio is not None and entrant.name != reference:
                ratio_text = f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
            rows.append(
                [
                    entrant.name,
                    f"{1e3 * spread.median:.2f}",
                    f"{1e3 * spread.low:.2f} to {1e3 * spread.high:.2f}",
                    f"{s.batch / spread.median:,.0f}",
                    ratio_text,
                ]
            )
        heads = [title, "ms", "quartiles", "examples/s", "times polyframe (95 %)"]
        print_table(heads, rows)
        click.echo()
    for name, loop in result.loops.items():
        click.echo(
            f"{name}: a step of fit takes {loop.value:.3f} times ({loop.low:.3f} to "
            f"{loop.high:.3f}) as long as one of the program alone, in one process"
        )
    click.echo()
    rows = []
    for name, start in result.start.items():
        memory, version = result.peak_mib[name], result.facts[name].get("version", "")
        cells = [f"{start[key]:.2f}" for key in START]
        rows.append([name, *cells, f"{memory:,.0f}", str(version)])
    heads = ["start", *(f"{key}, s" for key in START), "peak MiB", "version"]
    print_table(heads, rows)
    click.echo()
    rows = [
        [
            name,
            *(f"{1e3 * phases[key]:.2f}" if key in phases else "-" for key in PHASES),
        ]
        for name, phases in result.phases.items()
        if phases
    ]
    print_table(["phases of a step, ms", *PHASES], rows)


def is_checkout(folder: Path) -> bool:
    """Whether a folder is a checkout of polyframe, not where it is installed."""
    names = ("setup.py", "backends/pytorch/backend.py", "tests/handwritten")
    return all((folder / name).exists() for name in names)

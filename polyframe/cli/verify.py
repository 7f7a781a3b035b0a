"""``polyframe verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import backend_option, common_options, shipped, size_options

if TYPE_CHECKING:
    from pathlib import Path

    from polyframe.conformance.verify import Certificate

DTYPES = ("float64", "float32")  # as in the library, which is imported when it runs


@click.command()
@click.argument("source", metavar="SPEC|RECIPE", shell_complete=SOURCES)
@backend_option(several=True, count=0)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(DTYPES),
    help="Compare in this dtype only. By default both; float32 with a precision.",
)
@click.option(
    "--steps",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="Training steps.",
)
@click.option("--optimizer", help="Use this optimizer instead of the recipe's.")
@size_options
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write certificate.json and certificate.html to this folder.",
)
@common_options
@click.pass_context
def verify(
    ctx: click.Context,
    source: str,
    backends: tuple[str, ...],
    dtypes: tuple[str, ...],
    steps: int,
    optimizer: str | None,
    width: float | None,
    input_shape: str | None,
    as_json: bool,
    out: str | None,
) -> None:
    """Check that a model computes the same on every backend.

    The model is trained on each backend from the same weights on the same random
    batches, in float64 and float32. Every pair of backends is compared tensor by tensor:
    the output of each layer in both modes, gradients, running statistics, parameters and
    optimizer state after the first and the last step, losses and predictions.

    A recipe is trained with its own loss, optimizer, semantics and training settings
    (clipping, accumulation, EMA, freezing, precision), but without its schedule. With
    native semantics, each backend uses its framework's defaults; defaults that differ
    are listed. With a precision, weights are in float32, so only float32 is compared.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. Without -b, all usable backends
    are compared. The exit code is 1 if a bound is exceeded; `polyframe diff` then shows
    where.

    \b
    Examples:
      polyframe verify simple_cnn
      polyframe verify resnet18 --width 0.25 --input-shape 3,32,32 -o certificate
      polyframe verify my.yaml -b torch -b mxnet --optimizer adam --steps 20
    """
    from polyframe.cli.output import output_folder, print_json
    from polyframe.conformance.subject import subject_of
    from polyframe.conformance.verify import verify as certify
    from polyframe.contract import registry

    spec, recipe = shipped(source, width, input_shape)
    folder = output_folder(out)
    subject = subject_of(spec, recipe, optimizer)

    def report(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(text, err=True)

    chosen = list(backends) or list(registry.usable("train", "float64"))
    certificate = certify(subject, chosen, steps, dtypes, tell=report)
    if folder is not None:
        write_files(certificate.to_data(), folder)
    if as_json:
        print_json(certificate.to_data())
    else:
        print_certificate(certificate)
    if not certificate.passed:
        ctx.exit(1)


def write_files(data: dict[str, Any], folder: Path) -> None:
    """Write the certificate, and its page if Jinja2 is installed."""
    from polyframe.conformance.page import page
    from polyframe.errors import PolyframeError
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "certificate.json", to_json(data))
    try:
        write_atomic(folder / "certificate.html", page(data))
    except PolyframeError as error:
        click.echo(str(error), err=True)


def print_certificate(certificate: Certificate) -> None:
    """A row for each dtype and kind of tensor: the comparison closest to its bound."""
    from polyframe.cli.output import print_table
    from polyframe.conformance.trace import KINDS

    rows = []
    for dtype in certificate.dtypes:
        for kind in KINDS:
            comparisons = [
                c
                for c in certificate.comparisons
                if (c.dtype, c.key.kind) == (dtype, kind)
            ]
            if not comparisons:
                continue
            worst = max(comparisons, key=lambda c: c.value / c.bound.value)
            missed = sum(not c.passed for c in comparisons)
            rows.append(
                [
                    dtype, kind, str(len(comparisons)), f"{worst.value:.1e}",
                    f"{worst.bound.value:.1e}", f"{worst.key.name}, step {worst.key.step}",
                    " ".join(worst.pair), f"{missed} FAILED" if missed else "ok",
                ]
            )  # fmt: skip
    heads = [
        "dtype",
        "tensors",
        "values",
        "worst",
        "bound",
        "where",
        "pair",
        "verdict",
    ]
    print_table(heads, rows)
    names = ", ".join(certificate.names)
    what = f"{', '.join(certificate.dtypes)}; {certificate.steps} steps"
    name = certificate.subject.spec.name
    precision = certificate.subject.training.precision
    if precision is not None:
        click.echo(
            f"{precision} is for weights in float32: nothing is compared in float64; "
            "float64 runs only measure rounding errors"
        )
    if certificate.differences:
        click.echo("Native defaults that differ:")
        for line in certificate.differences:
            click.echo(f"  {line}")
    if certificate.passed:
        click.echo(f"{name}: equal on {names} ({what})")
    elif certificate.missed:
        count = len(certificate.missed)
        pair = " -b ".join(certificate.missed[0].pair)
        cause = ", because native defaults differ" if certificate.differences else ""
        click.echo(
            f"{name}: NOT equal on {names} ({what}): {count} values are out of bounds"
            f"{cause}; `polyframe diff … -b {pair}` shows where"
        )
    else:
        click.echo(
            f"{name}: too chaotic to compare ({what}): rounding errors grow to "
            f"{certificate.growth['float64']:.0e}; try a lower learning rate or fewer "
            "steps"
        )
    if certificate.inconclusive:
        click.echo(
            "In float32, rounding errors grow to "
            f"{certificate.growth['float32']:.0e} in the predictions after "
            f"{certificate.steps} steps. Therefore only the float32 comparisons at step 1 "
            "are conclusive."
        )

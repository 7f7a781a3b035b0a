"""``polyframe verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.completion import SOURCES
from polyframe.cli.options import backend_option, common_options, shipped, size_options

if TYPE_CHECKING:
    from pathlib import Path

    from polyframe.conformance.certificate import Certificate

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
    """Print what came closest to its bound, and the verdict."""
    from polyframe.cli.output import print_table
    from polyframe.conformance.certificate import HEADS

    print_table(HEADS, list(certificate.worst()))
    for line in certificate.sentences():
        click.echo(line)

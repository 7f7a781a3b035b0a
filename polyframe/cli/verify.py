"""``polyframe verify``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from polyframe.cli.options import backend_option, common_options, shipped, size_options

if TYPE_CHECKING:
    from pathlib import Path

    from polyframe.conformance.verify import Certificate

DTYPES = ("float64", "float32")  # as in the library, which is imported when it runs


@click.command()
@click.argument("source", metavar="SPEC|RECIPE")
@backend_option(several=True, required=False)
@click.option(
    "--dtype",
    "dtypes",
    multiple=True,
    type=click.Choice(DTYPES),
    help="Only in this one; by default in both, and with a precision in float32.",
)
@click.option(
    "--steps",
    default=100,
    show_default=True,
    type=click.IntRange(1),
    help="How many steps are trained.",
)
@click.option("--optimizer", help="Train with this one, not with the recipe's.")
@size_options
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write certificate.json and certificate.html there.",
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
    """Certify that a model means the same on every backend.

    It is trained on each backend from the same weights on the same random batches, in
    float64 and float32, and every pair is compared tensor by tensor: each layer's output
    in both modes, gradients, running statistics, parameters and the optimizer's state
    after the first and the last step, losses and predictions.

    A recipe is trained with its own loss, optimizer, semantics and training settings
    (clipping, accumulation, EMA, freezing, precision), but without its schedule. With
    semantics native each backend runs with its framework's defaults; where these make
    it compute something else, it is not equal, and they are named. A precision is for
    weights in float32, so nothing is compared in float64 then.

    SPEC|RECIPE is a YAML or JSON file or a shipped name. Without -b all backends are
    compared that are usable here. Exit code 1 if something is out of bounds; `polyframe
    diff` then shows where.

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

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            click.echo(text, err=True)

    chosen = list(backends) or list(registry.usable("train", "float64"))
    found = certify(subject, chosen, steps, dtypes, tell=tell)
    if folder is not None:
        keep(found.to_data(), folder)
    if as_json:
        print_json(found.to_data())
    else:
        show(found)
    if not found.passed:
        ctx.exit(1)


def keep(data: dict[str, Any], folder: Path) -> None:
    """Write the certificate, and its page if that can be made."""
    from polyframe.conformance.page import page
    from polyframe.errors import PolyframeError
    from polyframe.io.atomic import write_atomic
    from polyframe.io.json_csv import to_json

    write_atomic(folder / "certificate.json", to_json(data))
    try:
        write_atomic(folder / "certificate.html", page(data))
    except PolyframeError as error:
        click.echo(str(error), err=True)


def show(found: Certificate) -> None:
    """A row for each dtype and kind of tensor: the worst beside its bound."""
    from polyframe.cli.output import print_table
    from polyframe.conformance.trace import KINDS

    rows = []
    for dtype in found.dtypes:
        for kind in KINDS:
            own = [
                c for c in found.comparisons if (c.dtype, c.key.kind) == (dtype, kind)
            ]
            if not own:
                continue
            worst = max(own, key=lambda c: c.value / c.bound.value)
            missed = sum(not c.passed for c in own)
            rows.append(
                [
                    dtype, kind, str(len(own)), f"{worst.value:.1e}",
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
    names = ", ".join(b.name for b in found.backends)
    what = f"{', '.join(found.dtypes)}; {found.steps} steps"
    name = found.subject.spec.name
    precision = found.subject.training.precision
    if precision is not None:
        click.echo(
            f"{precision} is for weights in float32: nothing is compared in float64, "
            f"which only shows what {precision} rounds"
        )
    if found.differences:
        click.echo("Native defaults that differ:")
        for line in found.differences:
            click.echo(f"  {line}")
    if found.passed:
        click.echo(f"{name}: equal on {names} ({what})")
    elif found.missed:
        count = len(found.missed)
        pair = " -b ".join(found.missed[0].pair)
        cause = ", because native defaults differ" if found.differences else ""
        click.echo(
            f"{name}: NOT equal on {names} ({what}): {count} values are out of bounds"
            f"{cause}; `polyframe diff … -b {pair}` shows where"
        )
    else:
        click.echo(
            f"{name}: too chaotic to mean anything ({what}): four units in the last place "
            f"grow to {found.grown['float64']:.0e}; lower the "
            "learning rate or take fewer steps"
        )
    if found.vague:
        click.echo(
            f"In float32 the rounding of the first step grows to "
            f"{found.grown['float32']:.0e} in the predictions after {found.steps} steps "
            "(a twin moved by a few units shows it): float32 tells most at step 1."
        )

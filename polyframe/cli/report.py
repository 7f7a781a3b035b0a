"""``polyframe report``."""

from __future__ import annotations

import click

from polyframe.cli.options import common_options


@click.command()
@click.argument("folders", metavar="DIR…", nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    metavar="DIR",
    help="Write to this folder. By default to the study's own; needed for several.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print results.json. Without -o, nothing is written then.",
)
@click.option(
    "--export",
    type=click.Choice(("tensorboard", "mlflow", "wandb")),
    help="Also give each training of one study to this tool.",
)
@click.option(
    "--to",
    metavar="WHERE",
    help="Where --export writes.  [default: a folder in the study's; W&B: its project]",
)
@common_options
def report(
    folders: tuple[str, ...],
    out: str | None,
    as_json: bool,
    export: str | None,
    to: str | None,
) -> None:
    """Make the report of a study again, or one report across several studies.

    DIR is a folder that `polyframe compare` made. Nothing is trained. The report of a
    study that is still running shows the trainings that have ended so far.

    \b
    It has these files:
      report.html    summary, charts and tables in one file that needs no network
      report.md      summary and tables as Markdown
      results.csv    every measurement, one a line
      results.json   the estimates, for other programs; results.schema.json describes it
      figures/       the charts as SVG and PNG

    \b
    Examples:
      polyframe report studies/digits_cnn
      polyframe report studies/digits_cnn --json | jq .studies[0].summary
      polyframe report studies/adam studies/sgd -o studies/both
      polyframe report studies/digits_cnn --export mlflow --to mlruns
    """
    from pathlib import Path

    from polyframe.cli.output import output_folder
    from polyframe.study.report.results import to_text
    from polyframe.study.report.write import read_studies, write

    if export is not None and len(folders) > 1:
        raise click.UsageError("--export takes one study at a time.")
    if to is not None and export is None:
        raise click.UsageError(
            "--to says where --export writes; name the tool with it."
        )
    if out is None and len(folders) > 1 and not as_json:
        raise click.UsageError(
            "A report across several studies needs a folder: -o DIR."
        )
    studies = read_studies(folders)
    if out is not None or not as_json:
        folder = output_folder(out) or Path(folders[0])
        files = write(studies, folder)
        if not as_json:
            pictures = [path for path in files if path.parent != folder]
            for path in files[: len(files) - len(pictures)]:
                click.echo(str(path))
            if pictures:
                click.echo(f"{pictures[0].parent} ({len(pictures)} files)")
    if as_json:
        click.echo(to_text(studies), nl=False)
    if export is not None:
        from polyframe.study.export import export as give
        from polyframe.study.folder import StudyFolder

        click.echo(give(StudyFolder(folders[0]), export, to), err=as_json)

"""``polyframe explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyframe.cli.options import common_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from polyframe.teach.explain.topics import Topic


def complete(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The topics that begin so."""
    from click.shell_completion import CompletionItem

    from polyframe.teach.explain.topics import completions

    return [CompletionItem(name) for name in completions(incomplete)]


@click.command()
@click.argument("topic", metavar="[TOPIC]", nargs=-1, shell_complete=complete)
@click.option(
    "--full",
    is_flag=True,
    help="Show every form that each backend writes, with its helpers, and all examples.",
)
@click.option(
    "--run",
    "run_it",
    is_flag=True,
    help="Run the demonstrations of a difference on the frameworks that are installed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@common_options
def explain(topic: tuple[str, ...], full: bool, run_it: bool, as_json: bool) -> None:
    """Explain a layer, a loss, a difference, a word, …

    TOPIC is the name of a layer, composite, loss, optimizer, schedule, metric,
    initializer, augmentation, callback, setting, aspect, difference, defect, rewrite, or
    of a term of the glossary. Spelling matters little: batch_norm, BatchNorm and "batch
    norm" are one topic. The name that a framework gives it will do as well. If a name
    has several meanings, all are shown; loss/mse is the loss alone.

    The name of a family, such as losses, lists its topics. Without TOPIC, the families
    are listed.

    An explanation has the meaning with its formula, the definition in NumPy, an example
    with numbers that this definition computes, the code of each framework, and what the
    frameworks do differently. No framework is needed, except for --run.

    \b
    Examples:
      polyframe explain batch_norm
      polyframe explain nn.CrossEntropyLoss
      polyframe explain losses
      polyframe explain batchnorm-momentum --run
      polyframe explain receptive field
      polyframe explain metric/mse --json
    """
    from polyframe.teach.explain.topics import Topic, family_called, find, topics

    name = " ".join(topic)
    family = family_called(name) if name else None
    if family is not None and Topic("term", name) in topics():
        family = None  # "aspect" is a word, too; "aspects" lists them
    if full and (run_it or not name or family is not None):
        raise click.UsageError("--full is for the explanation of one topic.")
    if run_it:
        chosen = find(name) if name else []
        run_demonstrations([t for t in chosen if t.family == "difference"], as_json)
    elif not name:
        show_families(topics(), as_json)
    elif family is not None:
        show_family(family, topics(), as_json)
    else:
        show_topics(find(name), full, as_json)


def show_families(known: dict[Topic, str], as_json: bool) -> None:
    """All families, with the number of their topics and a few of them."""
    from polyframe.cli.output import print_json
    from polyframe.teach.explain.families import FAMILIES

    names = {f: [t.name for t in known if t.family == f.name] for f in FAMILIES}
    if as_json:
        print_json({family.name: found for family, found in names.items()})
        return
    for family, found in names.items():
        if found:
            click.echo(f"{family.plural} ({len(found)}): {family.about}")
            some = ", ".join(found[:: max(1, len(found) // 4)][:4])
            click.echo(f"    {some}{', …' if len(found) > 4 else ''}")
    click.echo(
        "\n`polyframe explain losses` lists a family, `polyframe explain batch_norm` "
        "explains a topic."
    )


def show_family(family: str, known: dict[Topic, str], as_json: bool) -> None:
    """The topics of a family, with their summaries."""
    from polyframe.cli.explanations import print_list
    from polyframe.cli.output import print_json

    rows = {t.name: summary for t, summary in known.items() if t.family == family}
    if as_json:
        print_json([{"name": name, "summary": text} for name, text in rows.items()])
    else:
        print_list(rows)


def show_topics(found: list[Topic], full: bool, as_json: bool) -> None:
    """The explanation of each topic."""
    from polyframe.cli.explanations import print_explanation
    from polyframe.cli.output import print_json
    from polyframe.teach.explain.assemble import explain as assemble
    from polyframe.teach.explain.parts import as_data

    explanations = [assemble(topic, full) for topic in found]
    if as_json:
        print_json([as_data(each) for each in explanations])
        return
    for number, each in enumerate(explanations):
        if number:
            click.echo()
        print_explanation(each)


def run_demonstrations(found: list[Topic], as_json: bool) -> None:
    """Run what shows a difference; exit with 1 if a claim does not hold, and if nothing
    could be run."""
    from polyframe.cli.explanations import print_run
    from polyframe.cli.output import print_json
    from polyframe.teach.explain.registry import run_demonstrations as run

    if len(found) != 1:
        raise click.UsageError(
            "--run takes the name of one difference, such as batchnorm-momentum; "
            "`polyframe explain differences` lists them."
        )
    runs = []
    for each in run(found[0].name):
        runs.append(each)
        if not as_json:
            print_run(found[0].name, each)
    if as_json:
        print_json([each._asdict() for each in runs])
    ran = [each.holds for each in runs if each.holds is not None]
    if not ran:
        click.echo(
            "error: none of its frameworks is usable (`polyframe doctor` says why)",
            err=True,
        )
    if not all(ran) or not ran:
        click.get_current_context().exit(1)

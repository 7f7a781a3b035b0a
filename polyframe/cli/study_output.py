"""What ``polyframe compare`` prints without running anything: a plan, or findings."""

from __future__ import annotations

from pathlib import Path

import click

from polyframe.cli.output import print_json, print_table, safe
from polyframe.study.plan import Study
from polyframe.study.planning import preview, preview_data
from polyframe.train.callbacks.bars import duration

SHOWN_CELLS = 12
"""Cells of the order that --dry-run prints; --json has them all."""


def check_programs(sources: tuple[str, ...], as_json: bool) -> None:
    """Print what would make a comparison of programs unfair."""
    from polyframe.study.check import check, to_data

    found = check(sources)
    if as_json:
        print_json(to_data(found))
    else:
        for each in found:
            click.echo(each.sentence)
        if not found:
            click.echo("nothing was found that would make a comparison unfair")
    if any(each.unfair for each in found):
        raise click.exceptions.Exit(1)


def number(count: int, noun: str) -> str:
    """``3 seeds``, ``1 seed``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_plan(study: Study, folder: Path, again: bool, as_json: bool) -> None:
    """Print the cells that are left, those that are left out, and how long it takes."""
    shown = preview(study, folder, again)
    left = shown.left
    if as_json:
        print_json(preview_data(study, folder, shown))
        return
    total = sum(1 for _ in study.cells())
    click.echo(
        f"{study.name}: {number(len(study.contestants), 'contestant')}, "
        f"{number(len(study.variants), 'variant')}, "
        f"{number(len(study.seeds), 'seed')}: {number(total, 'cell')}, "
        f"{len(left):,} to run"
    )
    click.echo(f"folder: {folder}")
    rows = [[c.name, c.backend, c.python or "this one"] for c in study.contestants]
    print_table(["contestant", "backend", "Python"], rows)
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in study.skipped:
        key = each.contestant, each.reason
        reasons.setdefault(key, []).append(safe(each.variant))
    for (name, reason), variants in reasons.items():
        click.echo(f"left out of {name}: {', '.join(variants)}: {safe(reason)}")
    click.echo("order:")
    for index, cell in enumerate(left[:SHOWN_CELLS], total - len(left) + 1):
        name, variant, seed = cell.key
        click.echo(f"  {index:>5}  {name}, {safe(variant)}, seed {seed}")
    if len(left) > SHOWN_CELLS:
        click.echo(f"  … {len(left) - SHOWN_CELLS:,} more")
    seconds, first = duration(shown.seconds), shown.certificate_seconds
    click.echo(f"time: about {seconds}, one cell after the other ({shown.how})")
    if first:
        click.echo(f"  and about {duration(first)} before, for certificates (rough)")

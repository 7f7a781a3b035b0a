"""``polyframe doctor``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

import click

from polyframe.cli.options import common_options

MXNET_BUILDS = ("mxnet", "mxnet-cu112")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.pass_context
@common_options
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Show which backends are usable and how to install them.

    The command imports each framework, which may take some seconds. The contestants that
    polyframe.yaml names for `polyframe compare` are shown, too: the Python of each is
    started. The exit code is 1 if two builds of MXNet are installed, since they overwrite
    each other's files.

    \b
    Examples:
      polyframe doctor
      polyframe doctor --json
    """
    from polyframe.cli.output import print_json

    conflict = mxnet_conflict()
    report = collect_report(conflict)
    if as_json:
        print_json(report)
    else:
        print_report(report)
    if conflict:
        click.echo(f"error: {conflict}", err=True)
        ctx.exit(1)


def mxnet_conflict() -> str | None:
    """The error text if two distributions provide the module ``mxnet``."""
    installed = []
    for name in MXNET_BUILDS:
        try:
            installed.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if len(installed) < 2:
        return None
    return (
        f"{' and '.join(installed)} are both installed and overwrite each other's files; "
        f"run: pip uninstall -y {' '.join(MXNET_BUILDS)}, then install one of them"
    )


def collect_report(conflict: str | None) -> dict[str, Any]:
    """Everything that is printed, as plain data."""
    import platform

    import numpy as np

    from polyframe.contract import registry
    from polyframe.contract.devices import threads
    from polyframe.io.version import __version__

    return {
        "polyframe": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "threads": threads(),
        "conflict": conflict,
        "backends": {
            name: backend_status(name, conflict) for name in registry.backends()
        },
        "contestants": contestants(),
    }


def contestants() -> dict[str, dict[str, Any]]:
    """What the Python of each configured contestant has; a broken one is reported, not
    raised."""
    from polyframe.io.config import config_file
    from polyframe.study.contestants import about, configured

    return {
        name: {"backend": each.backend, "executable": each.python, **about(each)}
        for name, each in configured(config_file()).items()
    }


def backend_status(name: str, conflict: str | None) -> dict[str, Any]:
    """The status of one backend; a broken one is reported, not raised."""
    from polyframe.contract import registry
    from polyframe.contract.backend import Probe
    from polyframe.errors import BackendError

    try:
        backend = registry.get(name)
    except BackendError as error:
        return {
            "title": name,
            "usable": False,
            "version": None,
            "devices": [],
            "problem": error.message,
            "install": None,
        }
    if conflict and name == "mxnet":
        probe = Probe(False, None, problem="two builds of MXNet are installed")
    else:
        probe = backend.probe()
    return {
        "title": backend.title,
        "usable": probe.usable,
        "version": probe.version,
        "devices": list(probe.devices),
        "problem": probe.problem,
        "install": backend.install,
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the report for people."""
    from polyframe.cli.output import print_table

    click.echo(
        f"polyframe {report['polyframe']}, Python {report['python']}, NumPy "
        f"{report['numpy']}, {report['threads']} threads, {report['platform']}"
    )
    rows = [
        [
            name,
            status["title"],
            status["version"] or "-",
            "yes" if status["usable"] else "no",
            ", ".join(status["devices"]) or "-",
        ]
        for name, status in report["backends"].items()
    ]
    print_table(["backend", "framework", "version", "usable", "devices"], rows)
    for name, status in report["backends"].items():
        if not status["usable"]:
            click.echo(f"{name}: {status['problem']}")
            if status["install"]:
                click.echo(f"  install it with: {status['install']}")
    if report["contestants"]:
        print_contestants(report["contestants"])


def print_contestants(several: Mapping[str, Mapping[str, object]]) -> None:
    """Print a table of the configured contestants."""
    from polyframe.cli.output import print_table

    click.echo()
    keys = ("backend", "version", "python", "polyframe")
    rows = [
        [
            name,
            *(str(told.get(key) or "-") for key in keys),
            "yes" if told["usable"] else "no",
            str(told["executable"]),
        ]
        for name, told in several.items()
    ]
    heads = ["contestant", "backend", "version", "Python", "polyframe", "usable", "in"]
    print_table(heads, rows)
    for name, told in several.items():
        if not told["usable"]:
            click.echo(f"{name}: {told['problem']}")
            if told.get("hint"):
                click.echo(f"  {told['hint']}")

"""``polyframe doctor``."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import click

from polyframe.cli.options import common_options

RIVALS = ("mxnet", "mxnet-cu112")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
@click.pass_context
@common_options
def doctor(ctx: click.Context, as_json: bool) -> None:
    """What is installed, what is usable, and how to install the rest.

    Each backend's framework is imported, which may take some seconds. Exit code 1 if
    two builds of MXNet are installed at once: they overwrite each other's files.

    \b
    Examples:
      polyframe doctor
      polyframe doctor --json
    """
    from polyframe.cli.output import print_json

    conflict = rivals()
    report = examine(conflict)
    if as_json:
        print_json(report)
    else:
        tell(report)
    if conflict:
        click.echo(f"error: {conflict}", err=True)
        ctx.exit(1)


def rivals() -> str | None:
    """What is wrong if two distributions provide the same module, ``mxnet``."""
    found = []
    for name in RIVALS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if len(found) < 2:
        return None
    return (
        f"{' and '.join(found)} are both installed and overwrite each other's files; "
        f"run: pip uninstall -y {' '.join(RIVALS)}, then install one of them"
    )


def examine(conflict: str | None) -> dict[str, Any]:
    """Everything that doctor knows, as plain data."""
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
            name: examine_backend(name, conflict) for name in registry.backends()
        },
    }


def examine_backend(name: str, conflict: str | None) -> dict[str, Any]:
    """One backend: a broken one is a finding, not an error."""
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


def tell(report: dict[str, Any]) -> None:
    """The report for people."""
    from polyframe.cli.output import print_table

    click.echo(
        f"polyframe {report['polyframe']}, Python {report['python']}, NumPy "
        f"{report['numpy']}, {report['threads']} threads, {report['platform']}"
    )
    rows = [
        [
            name,
            found["title"],
            found["version"] or "-",
            "yes" if found["usable"] else "no",
            ", ".join(found["devices"]) or "-",
        ]
        for name, found in report["backends"].items()
    ]
    print_table(["backend", "framework", "version", "usable", "devices"], rows)
    for name, found in report["backends"].items():
        if not found["usable"]:
            click.echo(f"{name}: {found['problem']}")
            if found["install"]:
                click.echo(f"  install it with: {found['install']}")

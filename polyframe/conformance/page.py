"""A certificate as a page of HTML, made from its data alone."""

from __future__ import annotations

import math
from typing import Any

from polyframe.conformance.trace import KINDS
from polyframe.io.html import environment

TEMPLATE = "certificate.html.j2"
DECADES = 4
"""The decades below its bound at which the bar of a value is empty."""


def page(data: dict[str, Any]) -> str:
    """The page: one file without scripts or external resources.

    ``data`` is that of ``Certificate.to_data`` or of a ``certificate.json``. Names in it
    may come from a stranger, so everything is escaped. PolyframeError without Jinja2.
    """
    dtypes = list(dict.fromkeys(c["dtype"] for c in data["comparisons"]))
    templates = environment("polyframe.conformance", "certificate.html")
    return templates.get_template(TEMPLATE).render(
        data=data,
        grids={dtype: grid(data["comparisons"], dtype) for dtype in dtypes},
        missed=[c for c in data["comparisons"] if not c["passed"]],
        reasons=sorted({c["reason"] for c in data["comparisons"]}),
        kinds=KINDS,
        small="{:.1e}".format,
    )


def grid(comparisons: list[dict[str, Any]], dtype: str) -> dict[str, Any]:
    """The table of one dtype: its kinds of tensors, and for each layer and kind the
    comparison that came closest to its bound."""
    worst: dict[str, dict[str, dict[str, Any]]] = {}
    for comparison in comparisons:
        if comparison["dtype"] != dtype:
            continue
        row = worst.setdefault(layer_of(comparison), {})
        previous = row.get(comparison["kind"])
        if previous is None or share(comparison) > share(previous):
            row[comparison["kind"]] = comparison
    kinds = [k for k in KINDS if any(k in row for row in worst.values())]
    cells = {
        layer: {kind: (comparison, bar(comparison)) for kind, comparison in row.items()}
        for layer, row in worst.items()
    }
    return {"kinds": kinds, "rows": cells}


def layer_of(comparison: dict[str, Any]) -> str:
    """The layer that a tensor belongs to; a loss is the whole model's."""
    if comparison["kind"] in ("loss", "precision"):
        return "(the model)"
    name = str(comparison["name"]).partition("/")[0]
    owned = comparison["kind"] in ("gradient", "weights", "statistics", "state")
    return name.rpartition(".")[0] or name if owned else name


def share(comparison: dict[str, Any]) -> float:
    """A value divided by its bound; infinite for NaN."""
    value = float(comparison["value"])
    if not math.isfinite(value):
        return math.inf
    if not comparison["bound"]:
        return math.inf if value else 0.0
    return value / float(comparison["bound"])


def bar(comparison: dict[str, Any]) -> int:
    """The width of a cell's bar in percent: 100 at the bound, 25 less for each decade
    below it."""
    used = share(comparison)
    if used <= 0:
        return 0
    if not math.isfinite(used):
        return 100
    return round(100 * min(1.0, max(0.0, 1 + math.log10(used) / DECADES)))

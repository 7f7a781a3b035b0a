"""A certificate as a page of HTML, made from its data alone."""

from __future__ import annotations

import math
from typing import Any

from polyframe.conformance.trace import KINDS
from polyframe.errors import PolyframeError

TEMPLATE = "certificate.html.j2"
DECADES = 4
"""How far under its bound a figure may be before its bar is empty."""


def page(data: dict[str, Any]) -> str:
    """The page: one file, no scripts, nothing fetched.

    ``data`` are those of ``Certificate.to_data`` or of a ``certificate.json``. Names in
    them are a stranger's: everything is escaped. PolyframeError without Jinja2.
    """
    try:
        import jinja2
    except ImportError:
        raise PolyframeError(
            "certificate.html is made with Jinja2, which is not installed",
            hint="pip install 'polyframe[html]'",
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("polyframe.conformance", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    dtypes = list(dict.fromkeys(f["dtype"] for f in data["figures"]))
    return environment.get_template(TEMPLATE).render(
        data=data,
        grids={dtype: grid(data["figures"], dtype) for dtype in dtypes},
        missed=[f for f in data["figures"] if not f["passed"]],
        reasons=sorted({f["reason"] for f in data["figures"]}),
        kinds=KINDS,
        small="{:.1e}".format,
    )


def grid(figures: list[dict[str, Any]], dtype: str) -> dict[str, Any]:
    """What is seen of one dtype: the kinds that there are, and for each layer and kind
    the figure that comes closest to its bound."""
    worst: dict[str, dict[str, dict[str, Any]]] = {}
    for figure in figures:
        if figure["dtype"] != dtype:
            continue
        row = worst.setdefault(layer_of(figure), {})
        known = row.get(figure["kind"])
        if known is None or share(figure) > share(known):
            row[figure["kind"]] = figure
    kinds = [k for k in KINDS if any(k in row for row in worst.values())]
    cells = {
        layer: {kind: (figure, bar(figure)) for kind, figure in row.items()}
        for layer, row in worst.items()
    }
    return {"kinds": kinds, "rows": cells}


def layer_of(figure: dict[str, Any]) -> str:
    """The layer that a figure belongs to; a loss is the whole model's."""
    if figure["kind"] == "loss":
        return "(the model)"
    name = str(figure["name"]).partition("/")[0]
    owned = figure["kind"] in ("gradient", "weights", "statistics", "state")
    return name.rpartition(".")[0] or name if owned else name


def share(figure: dict[str, Any]) -> float:
    """A figure as a part of its bound; infinite if it is none."""
    value = float(figure["value"])
    if not math.isfinite(value):
        return math.inf
    return value / figure["bound"] if figure["bound"] else math.inf * bool(value) or 0.0


def bar(figure: dict[str, Any]) -> int:
    """How full a cell is, in percent: 100 is the bound, every decade under it less."""
    part = share(figure)
    if part <= 0:
        return 0
    if not math.isfinite(part):
        return 100
    return round(100 * min(1.0, max(0.0, 1 + math.log10(part) / DECADES)))

"""What each backend supports, for polyframe/conformance/support.json and docs/support.md.

`tools/catalogue.py` runs it (`make catalogue`). For each layer, loss and optimizer and
each backend the JSON says: the forms that are written in each dtype, the gaps with their
reasons, the largest distances that the tests measured, and a digest of all that these
depend on, by which tests/docs/test_catalogue.py finds them stale. Forms and gaps need no
measurement: they come from the tables.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from polyframe.conformance.support import DTYPES, Support, load_support, status
from polyframe.contract import registry
from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.teach.explain.definitions import definition
from polyframe.teach.explain.native_forms import Case, cases, chosen, parts_of

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "polyframe" / "conformance" / "support.json"
BACKENDS = ("torch", "tensorflow", "mxnet")
FAMILIES: dict[str, Any] = {"layers": Layer, "losses": Loss, "optimizers": Optimizer}
TESTS = (
    "backends/test_layers.py", "backends/test_losses.py", "backends/test_optimizers.py",
    "conformance/test_conformance_families.py",
)  # fmt: skip


def words(base: type[Element]) -> list[str]:
    """polyframe's own names of a family; blocks are made of layers and have no page."""
    known = base.registry.items()
    own = {word for word, cls in known if cls.__module__.startswith("polyframe.")}
    return sorted(own - {"Block"})


def digest(cls: type[Element], backend: str) -> str:
    """What the measurements of an entry depend on: its definition without comments, its
    examples, and what the backend writes for them."""
    tree = ast.parse(definition(cls))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not is_text(s)] or [ast.Pass()]
    texts = [ast.dump(tree), repr([case.options for case in cases(cls)])]
    for dtype in DTYPES:
        for case in cases(cls):
            if not isinstance(chosen(case, backend, dtype), str):
                texts += parts_of(case, backend, dtype)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string that explains something."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def option_values(cls: type[Element]) -> dict[str, list[Case]]:
    """ "field=value" → the examples in which the field has it; sizes are one value."""
    values: dict[str, list[Case]] = {}
    for case in cases(cls):
        for f in dataclasses.fields(case.element):
            if "kind" in f.metadata:
                value = getattr(case.element, f.name)
                plain = isinstance(value, (str, bool, type(None)))
                text = str(value) if plain or value is UNSET else "a value"
                values.setdefault(f"{f.name}={text}", []).append(case)
    return values or {"(none)": list(cases(cls))}


def known(cls: type[Element], name: str) -> Support:
    """What the tables say of an entry: its forms and gaps; nothing is measured."""
    gaps = {}
    for option, examples in option_values(cls).items():
        reasons = [
            [r for d in DTYPES if isinstance(r := chosen(c, name, d), str)]
            for c in examples
        ]
        if all(reasons):
            gaps[option] = reasons[0][0]
    forms = {}
    for dtype in DTYPES:
        each = [chosen(case, name, dtype) for case in cases(cls)]
        forms[dtype] = sorted({form.name for form in each if not isinstance(form, str)})
    reason = registry.get(name).reasons.get(cls.word)
    return {"forms": forms, "gaps": gaps, "reason": reason, "worst": {}, "digest": ""}


def run_tests() -> list[dict[str, Any]]:
    """Run the tests of layers, losses and optimizers; every value that they compared
    with a bound."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.jsonl"
        path.touch()
        files = [f"tests/{name}" for name in TESTS]
        settings = {"POLYFRAME_MEASURED": str(path), "OMP_WAIT_POLICY": "PASSIVE"}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", *files],
            cwd=ROOT,
            env={**os.environ, **settings},
            check=True,
        )
        return [json.loads(line) for line in path.read_text().splitlines()]


def largest(lines: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, float]]:
    """(family, name, backend) → what was compared → its largest value."""
    values: dict[tuple[str, ...], dict[str, float]] = {}
    for line in lines:
        family, _, what = line.get("family", "").partition(": ")
        if family in FAMILIES:
            kept = values.setdefault((family, *line["key"]), {})
            kept[what] = max(kept.get(what, 0.0), float(f"{line['value']:.1e}"))
    return values


def write(measured: bool) -> None:
    """Write support.json anew: the forms and gaps as they are now and, if ``measured``,
    what the tests measure; else the measurements stay, with the digests of theirs."""
    values = largest(run_tests()) if measured else {}
    before = {} if measured else load_support()
    families: dict[str, Any] = {}
    options = gaps = 0
    for family, base in FAMILIES.items():
        families[family] = {}
        for word in words(base):
            cls, row = base.registry[word], {}
            for backend in BACKENDS:
                row[backend] = own = known(cls, backend)
                if measured:
                    own["worst"] = values.get((family, word, backend), {})
                    own["digest"] = digest(cls, backend)
                elif backend in before.get(family, {}).get(word, {}):
                    old = before[family][word][backend]
                    own["worst"], own["digest"] = old["worst"], old["digest"]
                options += len(option_values(cls))
                gaps += len(own["gaps"])
            families[family][word] = row
    data = {"options": options, "gaps": gaps, "families": families}
    SUPPORT.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    load_support.cache_clear()
    print(f"{options} (name, option value, backend), {gaps} gaps: {gaps / options:.2%}")


# --- the page ----------------------------------------------------------------------


def cell(own: Support) -> str:
    """What a backend does for an entry, its largest distances, and the reasons of
    gaps."""
    texts = [status(own)]
    apart = ("float32", "differences")  # these are no distances in float64
    double = [v for k, v in own["worst"].items() if not any(w in k for w in apart)]
    single = [v for k, v in own["worst"].items() if "float32" in k]
    if double:
        texts.append(f"{max(double):.0e}")
    if single:
        texts.append(f"f32 {max(single):.1f} ×")
    reasons = [*own["gaps"].values(), own["reason"]]
    texts += [f"gap: {reason}" for reason in dict.fromkeys(reasons) if reason]
    return "; ".join(texts)


HEAD = """\
# What each backend supports

Made by `make catalogue` from the backends' tables and the results of the conformance
tests; do not edit. `polyframe list layers` (or `losses`, `optimizers`) shows the same
names of forms.

- A cell begins with the **forms** that the backend writes. **native**: the framework's own
  operation, or a few of them. **written out**: the definition in the framework's basic
  operations. **aligned**: the random numbers come from polyframe and are an input of the
  program. Other names are forms that some or all examples use; a dtype after the name says
  that only this dtype uses it. The page of each entry shows its forms. All forms have the
  same bounds.
- The first number is the largest relative distance in float64: of outputs from the
  definition in NumPy (bound 1e-12), of gradients from another backend's (bound 1e-11).
  The pages of the entries also have the distance of gradients from finite differences of
  the definition (bound 1e-8). "f32" is the largest float32 error as a multiple of NumPy's
  own (bound 8).
- **gap**: a case that the backend does not support, and why. The word in brackets is the
  kind: *ours* (it could be implemented), *upstream* (the framework's fault), *never* (it
  makes no sense there). Compiling a model with such a case raises an error.
"""


def page() -> str:
    """docs/support.md."""
    data = json.loads(SUPPORT.read_text())
    options, gaps = data["options"], data["gaps"]
    share = f"{gaps} of {options} ({gaps / options:.2%})"
    lines = [HEAD, f"Gaps, by (name, option value, backend): {share}.", ""]
    titles = [registry.get(backend).title for backend in BACKENDS]
    for family, rows in data["families"].items():
        lines += [f"## {family.capitalize()}", ""]
        lines += ["| name | " + " | ".join(titles) + " |", "|---" * 4 + "|"]
        for word, row in rows.items():
            link = f"[{word}](catalogue/{family}/{word}.md)"
            lines.append(
                f"| {link} | " + " | ".join(cell(row[b]) for b in BACKENDS) + " |"
            )
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"

"""What the tests found, entry × option value × backend, for conformance/support.json.

`tools/catalogue.py` runs it (`make catalogue`). The JSON says for each layer, loss and
optimizer and each backend: the forms that are written in each dtype, the gaps with their
reasons, the worst figures seen, and a digest of all that they depend on, by which
tests/docs/test_catalogue.py finds it stale.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polyframe as pf
from polyframe.compiler.table import Target, View, choose
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.errors import UnsupportedError
from polyframe.spec.element import Element
from polyframe.spec.fields import UNSET
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.settings import Training

ROOT = Path(__file__).parent.parent
SUPPORT = ROOT / "polyframe" / "conformance" / "support.json"
BACKENDS = ("torch", "tensorflow", "mxnet")
DTYPES = ("float64", "float32")
FAMILIES: dict[str, Any] = {"layers": Layer, "losses": Loss, "optimizers": Optimizer}
TESTS = ("test_layers.py", "test_losses.py", "test_optimizers.py")  # of tests/backends


def words(registry_of: Any) -> list[str]:
    """polyframe's own names of a family; blocks are made of layers and have no page."""
    known = registry_of.registry.items()
    own = {word for word, cls in known if cls.__module__.startswith("polyframe.")}
    return sorted(own - {"Block"})


def spec_of(word: str, example: Any) -> pf.ModelSpec:
    """A model of one layer."""
    options, shapes = example
    names = ["x"] if len(shapes) == 1 else [f"x{i}" for i, _ in enumerate(shapes, 1)]
    inputs = [pf.Input(s, name=n) for s, n in zip(shapes, names, strict=True)]
    layer = Layer.registry[word](**options, name="it")
    return pf.ModelSpec(inputs, layer(*inputs), name="example")


def form_of(word: str, example: Any, backend: str, dtype: str) -> tuple[bool, str]:
    """(whether it is written, the name of the form or the reason of the gap)."""
    (node,) = spec_of(word, example).infer().nodes
    form = choose(registry.get(backend).entries, View(node, Target(dtype)))
    return (False, form) if isinstance(form, str) else (True, form.name)


def program(word: str, example: Any, backend: str, dtype: str) -> str | None:
    """The text of a model of one layer; None for a declared gap."""
    if not form_of(word, example, backend, dtype)[0]:
        return None
    spec, found = spec_of(word, example), registry.get(backend)
    return write_programs(spec, found, None, Target(dtype), False)[0].source


def training(family: str, word: str, backend: str, dtype: str) -> str:
    """The texts of small programs that train with a loss or an optimizer; of a gap, the
    reason."""
    found = registry.get(backend)
    cls = FAMILIES[family].registry[word]
    texts = []
    for options in getattr(cls, "examples", ({},)):
        loss: Any = cls(**options) if family == "losses" else pf.MSE()
        rule: Any = cls(**options) if family == "optimizers" else pf.SGD()
        units = cls.example_shapes[0][0] if family == "losses" else 4
        spec = pf.Sequential([pf.Dense(units, name="it")], (3,), name="example")
        try:
            step = make_step(spec, found, loss, rule, Training(), "aligned")
            for kind in loss.target_kinds:
                assert step is not None
                step = dataclasses.replace(step, targets=(kind,))
                program = write_programs(spec, found, step, Target(dtype), False)[0]
                texts.append(program.source)
        except UnsupportedError as error:
            return f"gap: {error.message}"
        except pf.SpecError:  # a loss of other outputs
            continue
    return "\0".join(texts)


def digest(family: str, word: str, backend: str) -> str:
    """What the tests of an entry depend on: its class and what a backend writes."""
    cls = FAMILIES[family].registry[word]
    texts = [inspect.getsource(c) for c in cls.__mro__ if issubclass(c, Element)]
    if family == "layers":
        for example in cls.examples:
            texts += [program(word, example, backend, d) or "" for d in DTYPES]
    else:
        texts += [training(family, word, backend, dtype) for dtype in DTYPES]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def option_values(cls: Any) -> dict[tuple[str, str], list[Any]]:
    """(field, value) → the examples in which the field has it; sizes are one value."""
    found: dict[tuple[str, str], list[Any]] = {}
    for example in cls.examples:
        element = cls(**example[0])
        for f in dataclasses.fields(element):
            if "kind" in f.metadata:
                value = getattr(element, f.name)
                plain = isinstance(value, (str, bool, type(None)))
                text = str(value) if plain or value is UNSET else "a value"
                found.setdefault((f.name, text), []).append(example)
    return found or {("(none)", ""): list(cls.examples)}


def missing_of(word: str, backend: str) -> dict[str, str]:
    """Option value of a layer → why no example that has it can be written."""
    found = {}
    for (field, value), examples in option_values(Layer.registry[word]).items():
        gaps = [
            [text for there, text in kinds if not there]
            for kinds in (
                [form_of(word, e, backend, d) for d in DTYPES] for e in examples
            )
        ]
        if all(gaps):
            found[f"{field}={value}"] = gaps[0][0]
    return found


def forms_of(word: str, backend: str) -> dict[str, list[str]]:
    """dtype → the forms that a layer's examples take."""
    found = {}
    for dtype in DTYPES:
        taken = [
            form_of(word, example, backend, dtype)
            for example in Layer.registry[word].examples
        ]
        found[dtype] = sorted({name for there, name in taken if there})
    return found


def figures() -> list[dict[str, Any]]:
    """Run the tests of layers, losses and optimizers; every figure they measured."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        run = [
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            *(f"tests/backends/{name}" for name in TESTS),
        ]
        settings = {"POLYFRAME_MEASURED": str(path), "OMP_WAIT_POLICY": "PASSIVE"}
        env = {**os.environ, **settings}
        subprocess.run([sys.executable, *run], cwd=ROOT, env=env, check=True)
        return [json.loads(line) for line in path.read_text().splitlines()]


def measure() -> None:
    """Run the tests and keep what they found."""
    worst: dict[tuple[str, ...], dict[str, float]] = {}
    for line in figures():
        family, _, what = line.get("family", "").partition(": ")
        if family in FAMILIES:
            kept = worst.setdefault((family, *line["key"]), {})
            kept[what] = max(kept.get(what, 0.0), float(f"{line['value']:.1e}"))
    data: dict[str, Any] = {"options": 0, "gaps": 0}
    for family, base in FAMILIES.items():
        data[family] = {}
        for word in words(base):
            data[family][word] = {}
            for backend in BACKENDS:
                found = worst.get((family, word, backend), {})
                own = {"digest": digest(family, word, backend), "worst": found}
                if family == "layers":
                    own["gaps"] = missing_of(word, backend)
                    own["forms"] = forms_of(word, backend)
                    data["options"] += len(option_values(base.registry[word]))
                    data["gaps"] += len(own["gaps"])
                data[family][word][backend] = own
    SUPPORT.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    total, gaps = data["options"], data["gaps"]
    print(f"{total} (layer, option value, backend), {gaps} gaps: {gaps / total:.2%}")


# --- the page ----------------------------------------------------------------------


def cell(family: str, word: str, backend: str, own: dict[str, Any]) -> str:
    """What a backend does for an entry: exact, written out, or a gap and its reason."""
    texts = []
    if family == "layers":
        forms = {dtype: own["forms"][dtype] for dtype in DTYPES}
        if not any(forms.values()):
            return f"gap: {registry.get(backend).reasons.get(word, 'undeclared')}"
        unlike = [d for d in DTYPES if any(f != "native" for f in forms[d])]
        if unlike:
            both = len(unlike) == len(DTYPES)
            kinds = sorted({f for d in unlike for f in forms[d] if f != "native"})
            where = "" if both else f" in {unlike[0]}"
            texts.append(f"{', '.join(kinds)}{where}")
        else:
            texts.append("exact")
    else:
        texts.append("exact")
    outside = ("float32", "differences")  # the latter have an error of their own
    exact = [
        v for name, v in own["worst"].items() if not any(w in name for w in outside)
    ]
    single = [v for name, v in own["worst"].items() if "float32" in name]
    if exact:
        texts.append(f"{max(exact):.0e}")
    if single:
        texts.append(f"f32 {max(single):.1f} ×")
    reason = registry.get(backend).reasons.get(word)
    if reason:
        texts.append(f"gap in part: {reason}")
    return "; ".join(texts)


HEAD = """\
# What each backend supports

Made by `make catalogue` from the results of the conformance tests; do not edit.

- **exact**: the framework's own operation, or a few of them, compute the definition up to
  rounding. Any other word is the name of the form that is written instead (**written out**:
  the definition in the framework's basic operations), and the dtype in which it is.
- The first number is the worst relative distance seen in float64: of outputs from the
  definition in NumPy (bound 1e-12), of gradients from another backend's (1e-11). The
  definition's finite differences are held to 1e-8; the pages show them. "f32" is the worst
  float32 error as a multiple of NumPy's own (bound 8).
- **gap**: not there, or not in the case that the reason names; the kind in brackets is ours
  (could be written), upstream (the framework's fault) or never (it has no meaning there).
"""


def page() -> str:
    """docs/support.md."""
    data = json.loads(SUPPORT.read_text())
    share = (
        f"{data['gaps']} of {data['options']} ({data['gaps'] / data['options']:.2%})"
    )
    lines = [HEAD, f"Gaps, by (layer, option value, backend): {share}.", ""]
    titles = [registry.get(backend).title for backend in BACKENDS]
    for family in FAMILIES:
        lines += [f"## {family.capitalize()}", ""]
        lines += ["| entry | " + " | ".join(titles) + " |", "|---" * 4 + "|"]
        for word, row in data[family].items():
            cells = [cell(family, word, b, row[b]) for b in BACKENDS]
            link = f"[{word}](catalogue/{family}/{word}.md)"
            lines.append(f"| {link} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"

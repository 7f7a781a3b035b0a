"""A program in Python as a standalone script that needs only the framework and NumPy.

The script is the text of the program, then that of polyframe's own functions in NumPy for
data, losses, metrics and schedules (``polyframe.eject.copying``), then the loop
(``polyframe/eject/template.py``) and what a backend adds (``snippets/eject.py``). It has
the initial weights, the order of samples and the random numbers of polyframe, so it prints
the same losses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from polyframe.compiler.program import Program
from polyframe.compiler.python.sections import bound_by, import_lines
from polyframe.compiler.python.snippets import global_names, imports_of
from polyframe.compiler.python.source import (
    Name,
    call,
    listing,
    literal,
    statement,
)
from polyframe.eject.copying import Copier
from polyframe.eject.lines import definitions, functions
from polyframe.eject.phases import Later, body_of, later, renamed
from polyframe.eject.plan import Plan
from polyframe.errors import UnsupportedError
from polyframe.spec.callbacks import EarlyStopping
from polyframe.spec.typed import flatten

HERE = Path(__file__).with_name("template.py")

STEP = frozenset({"loss", "freeze", "optimizer"})
"""The roles with which the training step begins in a program."""
RULE = 76
"""How long a line with a title is, without the signs around the title."""


class ScriptPart(NamedTuple):
    """A section of a script: what it is about, in a few words, and its text, which runs
    after that of all parts before it."""

    title: str
    text: str


def script_of(parts: Sequence[ScriptPart], doc: str) -> str:
    """The text of ``train.py``: docstring, imports and settings, then each other part
    under its title."""
    head, *others = parts
    texts = [f'"""{doc}"""\n\n{head.text}']
    for title, text in others:
        texts.append(f"# --- {title} {'-' * (RULE - len(title))}\n\n\n{text}")
    return "\n\n\n".join(texts) + "\n"


def apart(texts: Iterable[str]) -> str:
    """Definitions two lines apart."""
    return "\n\n\n".join(text for text in texts if text)


class Script(Plan):
    """The text of a script, in parts."""

    def own(self, *names: str) -> list[str]:
        """Functions that are the same on every backend."""
        return [self.fill(functions(HERE)[name]) for name in names]

    @cached_property
    def of_backend(self) -> tuple[dict[str, str], list[str]]:
        """The backend's functions, and the import lines of their files: those of
        ``eject.py`` or, unless all is aligned, of the same name in ``eject_native.py``.
        UnsupportedError where a file is missing."""
        native = self.recipe.semantics != "aligned"
        texts: dict[str, str] = {}
        imports: list[str] = []
        for file in ("eject", *(["eject_native"] if native else [])):
            path = self.backend.file(f"snippets/{file}.py")
            if path is None:
                raise UnsupportedError(
                    f"snippets/{file}.py is missing", where=self.backend.name
                )
            texts |= {name: self.fill(t) for name, t in functions(path).items()}
            imports += imports_of(path)
        return texts, imports

    # --- parts ------------------------------------------------------------------------

    def parts(self) -> list[ScriptPart]:
        """The script as sections, in order: the first has the imports and the settings,
        the last runs ``main``."""
        made, step = split_body(self.program)
        taken = definitions(body_of(self.program))
        copier = Copier()
        facts = self.facts
        backend, imports = self.of_backend
        data = self.data_part(copier)
        evaluation = self.evaluation_part(copier)
        training = self.training_part(copier)
        roots = ["build", "step", *["predict"] * facts["predicts"]]
        roots += [*["seed"] * facts["seeds"], *["set_rate"] * self.sets_rate]
        texts = [
            backend[name] for name in reached(backend, roots) if name not in CHECKPOINTS
        ]
        if "threads" in global_names(apart(texts)):
            copier.functions("polyframe.contract.devices", "threads")
        running = apart([*copier.take(), *texts])
        checkpoints = apart(
            [
                *(backend[n] for n in backend if n in CHECKPOINTS and self.keeps(n)),
                *self.own("write", "save", "saved", "restore"),
            ]
        )
        later_ones = self.later_parts()
        parts = [
            ScriptPart("The data, their order, random numbers", data),
            ScriptPart("The model", made),
            ScriptPart("The training step", step),
            *later_ones,
            ScriptPart("Running the model", running),
            ScriptPart("Losses, metrics, evaluation", evaluation),
            ScriptPart("Checkpoints", checkpoints),
            ScriptPart("The training", training),
        ]
        parts = [part for part in parts if part.text]
        others = {*copier.origins, *functions(HERE), *backend}
        clashes = {name: f"{name}_" for name in others & taken.keys()}
        if clashes:
            of_program = {made, step, *(part.text for part in later_ones)}
            parts = [
                part
                if part.text in of_program
                else part._replace(text=renamed(part.text, clashes))
                for part in parts
            ]
        # Only now, so that a class of the model's name keeps apart from it.
        entry = self.program.entry
        parts = [p._replace(text=re.sub(r"\bMODEL\b", entry, p.text)) for p in parts]
        run = ScriptPart("Run", 'if __name__ == "__main__":\n    main()')
        return [self.setup([*parts, run], [*copier.imports, *imports]), *parts, run]

    def setup(self, parts: Sequence[ScriptPart], imports: Sequence[str]) -> ScriptPart:
        """Imports and settings: those that the other parts use."""
        used = global_names(apart(part.text for part in parts))
        constants = "\n".join(
            line
            for name, lines in self.constants.items()
            if name in used
            for line in lines
        )
        used |= global_names(constants) | global_names(self.backend.eject_head)
        head = [*imports_of(HERE), "from pathlib import Path", "import numpy as np"]
        head += [line for line in imports if is_standard(line)]
        programs = [line for p in self.programs.values() for line in p.imports]
        others = [line for line in (*programs, *imports) if line not in head]
        shim = self.backend.eject_head
        if not shim:
            lines = import_lines([*head, *others], used)
        else:
            lines = [
                *import_lines(head, used),
                "",
                shim,
                "",
                *import_lines(others, used),
            ]
        return ScriptPart("Imports and settings", "\n".join([*lines, "", constants]))

    def data_part(self, copier: Copier) -> str:
        """Reading the data, their order, augmentation, and random layers."""
        facts, recipe = self.facts, self.recipe
        texts = self.own("load", *["as_floats"] * facts["bytes"], "cut")
        copier.functions("polyframe.randomness", "order")
        if facts["seeds"]:
            copier.functions("polyframe.randomness", "native_seed")
        texts += copier.take()
        if self.program.draws:
            texts += [*self.own("uniform_bits"), self.draws_text()]
        if recipe.augmentation:
            used = ("apply", "joint", "words")
            calls = copier.elements(recipe.augmentation, used)
            copier.functions("polyframe.data.augment", "augment")
            texts += copier.take()
            constants = statement("AUGMENTATION = ", listing("", calls), 0)
            if facts["rest"]:
                at = [i for i, op in enumerate(recipe.augmentation) if op.always]
                rest = listing("", [Name(f"AUGMENTATION[{i}]") for i in at])
                constants += statement("AT_REST = ", rest, 0)
            texts.append("\n".join(constants))
            texts += self.own("as_numbers", "changed")
        return apart(texts)

    def draws_text(self) -> str:
        """The function that draws the factors of the random layers."""
        lines = [
            "def random_numbers(step, first, count):",
            '    """The random factors of one step, one array for each random layer."""',
            "    factors = []",
        ]
        nodes = {node.path: node for node in flatten(self.graph).nodes}
        for path in self.program.draws:
            layer = nodes[path].layer
            formula = layer.draw_formula()
            if formula is None:
                raise UnsupportedError(
                    f"{layer.type} has no draw_formula, so no script can draw its random "
                    "numbers",
                    where=path,
                    hint="see polyframe.spec.layers.base.Layer.draw_formula",
                )
            shape = Name(literal(layer.draw_shape(*nodes[path].in_shapes)))
            arguments = [path, Name("step"), Name("first"), Name("count"), shape]
            lines += statement("bits = ", listing("uniform_bits", arguments), 4)
            lines.append(f"    factors.append(({formula}).astype(DTYPE))")
        return "\n".join([*lines, "    return factors"])

    def later_parts(self) -> list[ScriptPart]:
        """What is different from some epochs on, and the table of it."""
        if not self.facts["phases"]:
            return []
        names = {self.program.entry: "", "train_step": "", "freeze": ""}
        names |= {f"make_{name}": "" for name in self.program.objects}
        texts = ['def not_frozen(model):\n    """All layers are trained."""']
        rows = []
        known_before: list[Later] = []
        for number, (epoch, program) in enumerate(self.programs.items(), 1):
            more = later(self.program, program, number, known_before)
            known_before.append(more)
            texts.append(more.text)
            known = definitions(body_of(program))
            entry = {
                name: more.names.get(own, own) if own in known else "not_frozen"
                for name in names
                for own in [program.entry if name == self.program.entry else name]
            }
            pairs = [f'"{name}": {value}' for name, value in entry.items()]
            rows += [
                f"    {epoch}: {{",
                *(f"        {pair}," for pair in pairs),
                "    },",
            ]
        table = ["# Number of epochs done → what is found under these names from then on.",
                 "PHASES = {", *rows, "}"]  # fmt: skip
        return [ScriptPart("From later epochs on", apart([*texts, "\n".join(table)]))]

    def evaluation_part(self, copier: Copier) -> str:
        """Losses and metrics in NumPy, and evaluation."""
        facts = self.facts
        losses = metrics = []
        if facts["predicts"] or facts["weighted"]:
            used = ["denominator_weights", "reduction"]
            used += ["define"] * facts["predicts"]
            losses = copier.elements(self.step.losses, used)
            copier.functions("polyframe.spec.losses.base", "sample_weights")
        if facts["weighted"]:
            copier.functions("polyframe.spec.losses.base", "normalise_weights")
        if self.metrics:
            used = ["start", "update", "value", "keeps_outputs"]
            metrics = copier.elements([m.metric for m in self.metrics], used)
            copier.functions("polyframe.spec.totals", "BoundMetric")
        copier.functions("polyframe.spec.totals", "Totals")
        texts = copier.take()
        bound = [
            call(
                "BoundMetric", key=m.key, metric=metric, output=m.output, shape=m.shape,
                **({} if m.ignored is None else {"ignored": m.ignored}),
                **({"binary": True} if m.binary else {}),
            )
            for m, metric in zip(self.metrics, metrics, strict=True)
        ]  # fmt: skip
        constants = statement("LOSSES = ", listing("", losses), 0) if losses else []
        constants += statement("METRICS = ", listing("", bound), 0)
        texts.append("\n".join(constants))
        return apart([*texts, *(self.own("evaluate") if facts["predicts"] else [])])

    def training_part(self, copier: Copier) -> str:
        """The schedule, and the loop."""
        facts = self.facts
        texts = []
        constants = []
        if self.recipe.schedule is not None:
            (schedule,) = copier.elements([self.recipe.schedule], ["rate"])
            texts += copier.take()
            constants += statement("SCHEDULE = ", schedule, 0)
        if self.stopping:
            copier.functions("polyframe.spec.callbacks", "Patience")
            texts += copier.take()
            rows = [
                Name(f'("{c.monitor}", {c.patience}, {patience_of(c)})')
                for c in self.stopping
            ]
            constants += statement("STOPPING = ", listing("", rows), 0)
        names = [
            "train_on_several" if facts["accumulates"] else "train_on",
            *["enter"] * facts["phases"],
            "Stop",
            *["as_plain"] * facts["matrix"],
            *["see", "stopped"] * facts["patience"],
            *["is_best"] * facts["best"],
            "line_of",
            "main",
        ]
        return apart([*texts, "\n".join(constants), *self.own(*names)])

    def keeps(self, name: str) -> bool:
        """Whether a function of the backend's for checkpoints is in the script."""
        facts = self.facts
        needed = {
            "averages": facts["keeps"],
            "means_of": facts["keeps"],
            "set_averages": facts["keeps"] and facts["phases"],
        }
        return needed.get(name, True)


CHECKPOINTS = (
    "weights_of", "load_weights", "means_of", "averages", "set_averages", "as_list",
    "variables_in", "state_of", "restore_state",
)  # fmt: skip
"""The functions of ``snippets/eject.py`` that read and set weights and state."""


def reached(texts: Mapping[str, str], roots: Sequence[str]) -> list[str]:
    """The functions that others need, in the order of the file."""
    seen: set[str] = set()
    waiting = [name for name in roots if name in texts]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += global_names(texts[name]) & texts.keys()
    return [name for name in texts if name in seen]


def patience_of(spec: EarlyStopping) -> str:
    """The call that makes what counts epochs without an improvement."""
    known = spec.counter()
    values = {
        "smaller": known.smaller,
        "min_delta": known.min_delta,
        "baseline": known.baseline,
    }
    return call("Patience", **values).flat()


def is_standard(line: str) -> bool:
    """Whether an import line is of the standard library or NumPy."""
    lines = import_lines([line, "import numpy"], bound_by([line]) | {"numpy"})
    return lines[0] == line and "" in lines or "numpy" in line.split(".")[0].split()[1]


def split_body(program: Program) -> tuple[str, str]:
    """The lines of a program after its imports: those of the model, and those of the
    training step and the helpers."""
    assert program.body is not None
    first, last = program.body.first, program.body.last
    lines = program.source.splitlines()
    starts = [
        span.first
        for roles in program.source_map.values()
        for role, span in roles.items()
        if role in STEP
    ]
    at = min(starts, default=last + 1)
    model, step = lines[first - 1 : at - 1], lines[at - 1 : last]
    return "\n".join(model).strip("\n"), "\n".join(step).strip("\n")

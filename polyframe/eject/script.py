"""A program in Python as a standalone script that needs only the framework and NumPy.

The script is the text of the program, then that of polyframe's own functions in NumPy for
data, losses, metrics and schedules (``polyframe.eject.copying``), then the loop
(``polyframe/eject/template.py``) and what a backend adds (``snippets/eject.py``). It has
the initial weights, the order of samples and the random numbers of polyframe, so it prints
the same losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from polyframe.compiler.program import WHOLE, Program
from polyframe.compiler.python.sections import bound_by, import_lines
from polyframe.compiler.python.snippets import global_names, imports_of
from polyframe.compiler.python.source import (
    Call,
    Name,
    call,
    listing,
    literal,
    statement,
)
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.data import at_rest
from polyframe.eject.arrays import Prepared
from polyframe.eject.copying import Copier
from polyframe.eject.lines import Statement, definitions, filled, functions
from polyframe.eject.phases import body_of, later, renamed
from polyframe.errors import UnsupportedError
from polyframe.spec.callbacks import EarlyStopping, smaller_is_better
from polyframe.spec.recipe import Recipe
from polyframe.spec.safety import ModelCheckpoint
from polyframe.spec.semantics import native_aspects
from polyframe.spec.totals import BoundMetric
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.train.evaluation_data import BATCH_SIZE

HERE = Path(__file__).with_name("template.py")

STEP = frozenset({"loss", "freeze", "optimizer"})
"""The roles with which the training step begins in a program."""
RULE = 76
"""How long a line with a title is, without the signs around the title."""
SECONDS = ModelCheckpoint().every_seconds
"""After how many seconds a checkpoint is written, where the recipe does not say."""


class Part(NamedTuple):
    """A section of a script: what it is about, in a few words, and its text, which runs
    after that of all parts before it."""

    title: str
    text: str


def script_of(parts: Sequence[Part], doc: str) -> str:
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


@dataclass(frozen=True)
class Script:
    """A script on its way.

    - ``programs``: the epoch from which it holds → program; several where layers are
      unfrozen.
    - ``graph``, ``step``: what the first was written from.
    - ``data``: as it is written beside the script.
    - ``metrics``: those of the recipe, with the outputs that they measure.
    """

    recipe: Recipe
    backend: Backend
    programs: Mapping[int, Program]
    graph: TypedGraph
    step: TrainingSpec
    data: Prepared
    metrics: Sequence[BoundMetric]

    # --- the facts that decide which lines there are ----------------------------------

    @cached_property
    def program(self) -> Program:
        """The program with which training begins."""
        return next(iter(self.programs.values()))

    @cached_property
    def facts(self) -> dict[str, bool]:
        """What the lines of the templates ask for."""
        recipe, program = self.recipe, self.program
        dropout = "dropout" in native_aspects(recipe.semantics)
        random = any(node.layer.random for node in flatten(self.graph).nodes)
        parts, checkpoint = self.data.parts, self.checkpoint
        return {
            "bytes": self.data.in_bytes,
            "augments": bool(recipe.augmentation),
            "rest": bool(at_rest(recipe.augmentation)),
            "random": bool(program.draws),
            "seeds": dropout and random,
            "weighted": self.step.weighted,
            "metrics": bool(self.metrics),
            "matrix": any(m.metric.type == "confusion_matrix" for m in self.metrics),
            "sums": any(loss.reduction == "sum" for loss in self.step.losses),
            "accumulates": recipe.accumulate > 1,
            "drops": recipe.drop_last,
            "schedule": recipe.schedule is not None,
            "average": "average" in program.objects,
            "scaler": "scaler" in program.objects,
            "own": "learning_rate" not in program.takes,
            "multiplies": recipe.training.multiplies,
            "low": recipe.precision is not None,
            "freezes": len(self.programs) == 1
            and "freeze" in program.source_map[WHOLE],
            "phases": len(self.programs) > 1,
            "validates": "validation" in parts,
            "tests": "test" in parts,
            "predicts": "validation" in parts or "test" in parts,
            "patience": bool(self.stopping),
            "best": checkpoint is not None and self.keeps_best,
            "every": checkpoint is not None and checkpoint.every_steps is not None,
            "seconds": checkpoint is None or checkpoint.every_seconds is not None,
        }

    @cached_property
    def stopping(self) -> list[EarlyStopping]:
        """What may end the training early."""
        return [c for c in self.recipe.callbacks if isinstance(c, EarlyStopping)]

    @cached_property
    def checkpoint(self) -> ModelCheckpoint | None:
        """When checkpoints are written, where the recipe says it."""
        given = [c for c in self.recipe.callbacks if isinstance(c, ModelCheckpoint)]
        return given[-1] if given else None

    @property
    def keeps_best(self) -> bool:
        """Whether there is a value by which the best weights are chosen."""
        assert self.checkpoint is not None
        return self.checkpoint.monitor in self.columns

    @property
    def columns(self) -> list[str]:
        """The columns of the history that are numbers."""
        measured = ["loss", *(m.key for m in self.metrics)]
        seen = [f"val_{name}" for name in measured] if self.validates else []
        return [*measured, *seen, "lr"]

    @property
    def validates(self) -> bool:
        """Whether there are data to validate on."""
        return "validation" in self.data.parts

    @property
    def sets_rate(self) -> bool:
        """Whether a framework's own optimizer is told its rate before each step."""
        return self.facts["own"] and (
            self.facts["schedule"] or self.facts["multiplies"]
        )

    # --- templates ------------------------------------------------------------------

    @cached_property
    def blanks(self) -> dict[str, list[Statement]]:
        """What fills the blanks of the templates."""
        facts, program, number = self.facts, self.program, self.backend.eject_number
        given = [*["count"] * ("count" in program.takes)]
        rate = ["rate"] if not facts["own"] or self.sets_rate else []
        last = ["last"] if facts["accumulates"] else []
        arguments = ["model", "objects", "batch", *given, *rate, *last]
        passed = [
            "model", "*tensor(batch)", *map(number.format, given), "*objects.values()",
            *([] if facts["own"] else [number.format("rate")]), *last,
        ]  # fmt: skip
        inner = "[0]" if len(self.data.inputs) == 1 else ""
        outer = "[0]" if len(self.data.targets) == 1 else ""
        batch = [f"inputs{inner}", f"targets{outer}"]
        batch += [f"weights{outer}"] * facts["weighted"] + ["random"] * facts["random"]
        outputs = "outputs" if facts["metrics"] else "_"
        makers: list[Statement] = [
            ("objects = ", Name('{"optimizer": make_optimizer(model)}'))
        ]
        for name in program.objects[1:]:
            given_to = "" if name == "scaler" else "model"
            makers.append((f'objects["{name}"] = ', Name(f"make_{name}({given_to})")))
        set_rate: list[Statement] = [("", Name('set_rate(objects["optimizer"], rate)'))]
        filling: dict[str, list[Statement]] = {
            "BATCH": [("batch = ", listing("", map(Name, batch)))],
            "STEP": [(f"loss, {outputs} = ", listing("step", map(Name, arguments)))],
            "TRAIN_STEP": [
                ("loss, outputs = ", listing("train_step", map(Name, passed)))
            ],
            "SET_RATE": set_rate if self.sets_rate else [],
            "MADE": makers,
        }
        return filling

    @cached_property
    def words(self) -> dict[str, str]:
        """What stands for the names in capital letters that are no constants."""
        facts, recipe = self.facts, self.recipe
        (_, call_of_step), *_ = self.blanks["STEP"]
        assert isinstance(call_of_step, Call)
        weights = "weights_of(model)"
        if facts["average"]:
            weights = "weights_of(model) | averages(model, objects)"
        compares = "<"
        if facts["best"]:
            assert self.checkpoint is not None
            smaller = smaller_is_better(self.checkpoint.monitor, self.checkpoint.mode)
            compares = "<" if smaller else ">"
        several = facts["accumulates"]
        return {
            "MODEL": self.program.entry,
            "STEP_ARGUMENTS": call_of_step.flat()
            .removeprefix("step(")
            .removesuffix(")"),
            "TRAIN_ON": "train_on_several" if several else "train_on",
            "INFERENCE_WEIGHTS": weights,
            "PRECISION": recipe.precision or "",
            "POLICY": f'"mixed_{recipe.precision}"' if facts["low"] else "DTYPE",
            "BETTER": f"row[BEST] {compares} value",
        }

    def fill(self, text: str) -> str:
        """A function of a template."""
        return filled(text, self.facts, self.blanks, self.words)

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

    def parts(self) -> list[Part]:
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
        running = apart(
            backend[name] for name in reached(backend, roots) if name not in CHECKPOINTS
        )
        checkpoints = apart(
            [
                *(backend[n] for n in backend if n in CHECKPOINTS and self.keeps(n)),
                *self.own("write", "save", "saved", "restore"),
            ]
        )
        parts = [
            Part("The data, their order, random numbers", data),
            Part("The model", made),
            Part("The training step", step),
            *self.later_parts(),
            Part("Running the model", running),
            Part("Losses, metrics, evaluation", evaluation),
            Part("Checkpoints", checkpoints),
            Part("The training", training),
        ]
        parts = [part for part in parts if part.text]
        clashes = {n: f"{n}_" for n in copier.origins if n in taken}
        if clashes:
            parts = [
                part
                if part.text in (made, step)
                else part._replace(text=renamed(part.text, clashes))
                for part in parts
            ]
        run = Part("Run", 'if __name__ == "__main__":\n    main()')
        return [self.setup([*parts, run], [*copier.imports, *imports]), *parts, run]

    def setup(self, parts: Sequence[Part], imports: Sequence[str]) -> Part:
        """Imports and settings: those that the other parts use."""
        used = global_names(apart(part.text for part in parts))
        constants = "\n".join(
            line
            for name, lines in self.constants.items()
            if name in used
            for line in lines
        )
        used |= global_names(constants)
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
        return Part("Imports and settings", "\n".join([*lines, "", constants]))

    @cached_property
    def constants(self) -> dict[str, list[str]]:
        """The settings, as lines, by name."""
        recipe, graph = self.recipe, self.graph
        last = self.backend.layout == "NHWC"
        shapes = tuple(
            (*shape[1:], shape[0]) if last and len(shape) > 1 else shape
            for _, shape in graph.inputs
        )
        loss = self.step.losses[0]
        values: dict[str, object] = {
            "EPOCHS": recipe.epochs,
            "BATCH_SIZE": recipe.batch_size,
            "ACCUMULATE": recipe.accumulate,
            "LEARNING_RATE": self.step.optimizer.lr,
            "SEED": recipe.seed,
            "DTYPE": recipe.dtype,
            "SAMPLES": self.data.samples,
            "INPUTS": self.data.inputs,
            "TARGETS": self.data.targets,
            "INPUT_SHAPES": shapes,
            "CLASSES": graph.output_shapes[0][0] if loss.labels else None,
            "IGNORED": loss.ignored_label,
            "EVALUATED": recipe.validation_batch_size or BATCH_SIZE,
            "FACTORS": tuple(loss.loss_weight for loss in self.step.losses),
        }
        checkpoint = self.checkpoint
        if checkpoint is not None:
            values["BEST"] = checkpoint.monitor
            values["SAVE_STEPS"] = checkpoint.every_steps
        values["SAVE_SECONDS"] = checkpoint.every_seconds if checkpoint else SECONDS
        return {
            "HERE": ["HERE = Path(__file__).parent"],
            "CHECKPOINT": ['CHECKPOINT = HERE / "checkpoint.npz"'],
            **{
                name: statement(f"{name} = ", Name(literal(value)), 0)
                for name, value in values.items()
            },
        }

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

    def later_parts(self) -> list[Part]:
        """What is different from some epochs on, and the table of it."""
        if not self.facts["phases"]:
            return []
        names = {self.program.entry: "", "train_step": "", "freeze": ""}
        names |= {f"make_{name}": "" for name in self.program.objects}
        texts = ['def not_frozen(model):\n    """All layers are trained."""']
        rows = []
        for number, (epoch, program) in enumerate(self.programs.items(), 1):
            more = later(self.program, program, number)
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
        return [Part("From later epochs on", apart([*texts, "\n".join(table)]))]

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
        copier.functions("polyframe.contract.devices", "threads")
        run = copier.take()
        names = [
            "train_on_several" if facts["accumulates"] else "train_on",
            *["enter"] * facts["phases"],
            "Stop",
            *["as_plain"] * facts["matrix"],
            *["see", "stopped"] * facts["patience"],
            "line_of",
            "main",
        ]
        return apart([*run, *texts, "\n".join(constants), *self.own(*names)])

    def keeps(self, name: str) -> bool:
        """Whether a function of the backend's for checkpoints is in the script."""
        facts = self.facts
        needed = {
            "averages": facts["average"],
            "means_of": facts["average"],
            "set_averages": facts["average"] and facts["phases"],
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

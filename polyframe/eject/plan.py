"""What decides how a script looks: which lines of the templates there are, what fills their
blanks, and the settings at its top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from polyframe.compiler.program import WHOLE, Program
from polyframe.compiler.python.source import Call, Name, listing, literal, statement
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.data import at_rest
from polyframe.eject.arrays import Prepared
from polyframe.eject.lines import Statement, filled
from polyframe.spec.callbacks import EarlyStopping, smaller_is_better
from polyframe.spec.recipe import Recipe
from polyframe.spec.safety import ModelCheckpoint
from polyframe.spec.semantics import native_aspects
from polyframe.spec.totals import BoundMetric
from polyframe.spec.typed import TypedGraph, flatten
from polyframe.train.evaluation_data import BATCH_SIZE

SECONDS = ModelCheckpoint().every_seconds
"""After how many seconds a checkpoint is written, where the recipe does not say."""


@dataclass(frozen=True)
class Plan:
    """What a script is made from, and what follows from it.

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
            "factors": [loss.loss_weight for loss in self.step.losses] != [1.0],
            "sums": any(loss.reduction == "sum" for loss in self.step.losses),
            "accumulates": recipe.accumulate > 1,
            "drops": recipe.drop_last,
            "schedule": recipe.schedule is not None,
            "keeps": bool(program.kept),
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
        if facts["keeps"]:
            weights = "weights_of(model) | averages(model, objects)"
        compares = "<"
        if facts["best"]:
            assert self.checkpoint is not None
            smaller = smaller_is_better(self.checkpoint.monitor, self.checkpoint.mode)
            compares = "<" if smaller else ">"
        several = facts["accumulates"]
        return {
            "STEP_ARGUMENTS": call_of_step.flat()
            .removeprefix("step(")
            .removesuffix(")"),
            "TRAIN_ON": "train_on_several" if several else "train_on",
            "INFERENCE_WEIGHTS": weights,
            "KEPT": next(iter(self.program.kept), ""),
            "PRECISION": recipe.precision or "",
            "POLICY": f'"mixed_{recipe.precision}"' if facts["low"] else "DTYPE",
            "BETTER": f"row[BEST] {compares} value",
        }

    def fill(self, text: str) -> str:
        """A function of a template."""
        return filled(text, self.facts, self.blanks, self.words)

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
            "CHECKPOINT": ['CHECKPOINT = HERE / "checkpoint.npz"', ""],
            **{
                name: statement(f"{name} = ", Name(literal(value)), 0)
                for name, value in values.items()
            },
        }

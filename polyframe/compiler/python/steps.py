"""What the training steps of all programs have in common: arguments and functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from polyframe.compiler.program import WHOLE, Role
from polyframe.compiler.python.code import RANDOM, Code
from polyframe.compiler.python.sections import Section
from polyframe.compiler.python.source import (
    Call,
    Name,
    head,
    layout,
    listing,
    literal,
    statement,
)
from polyframe.compiler.python.write import Written
from polyframe.compiler.table import Target
from polyframe.compiler.training import LossFunction, TrainingSpec
from polyframe.errors import UnsupportedError
from polyframe.spec.settings import KEEPING, layers_of
from polyframe.spec.typed import TypedGraph


class StepWriter:
    """The part of a program that trains: losses, optimizer, gradients, update.

    A backend gives templates, and overrides what is its own; ``{…}`` in a template are
    ``values``.
    """

    makers: ClassVar[Mapping[str, str]] = {}
    """The training objects besides the optimizer, if the training asks for them: "sums"
    (of gradients), those of settings that keep arrays, "scaler" (of the loss) → the
    function that makes it."""
    gradients: ClassVar[str]  # the function ``loss_and_gradients``
    train: ClassVar[str]  # the function ``train_step``
    results: ClassVar[str] = "loss, outputs"  # what ``loss_and_gradients`` returns
    model: ClassVar[tuple[str, ...]] = ("model",)  # arguments before those of a batch
    last: ClassVar[str] = "last=True"  # whether gradients are complete
    clips: ClassVar[Mapping[str, str]] = {}  # setting → the function ``clip``
    total: ClassVar[str] = "{losses}.sum()"  # of losses, one for each sample
    own_loss: ClassVar[str]  # the mean that a framework's own class ``{loss}`` gives

    def __init__(
        self,
        graph: TypedGraph,
        written: Written,
        step: TrainingSpec,
        target: Target,
        losses: Mapping[LossFunction, Code],
        optimizer: Code,
    ) -> None:
        self.graph, self.written, self.step, self.target = graph, written, step, target
        self.losses, self.optimizer = losses, optimizer
        self.training = step.training
        self.names = step.functions(graph)
        self.scaled = self.training.precision == "float16"
        self.accumulates = self.training.accumulate > 1

    def helpers(self) -> list[str]:
        """The snippets that the step needs besides those of losses and optimizer."""
        return []

    def sections(self) -> Iterator[Section]:
        """The sections, in order."""
        yield from self.loss_sections()
        yield Section.of(self.freeze_text(), (WHOLE, "freeze"))
        yield Section.of(self.optimizer_text(), (WHOLE, "optimizer"))
        yield from map(Section.of, self.maker_texts())
        yield self.part("loss_and_gradients", self.gradients)
        yield Section.of(self.clip_text())
        yield Section.of(self.apply_text(), (WHOLE, "apply"))
        yield self.part("train_step", self.train)

    def maker_texts(self) -> list[str]:
        """The functions that make the training objects but the optimizer."""
        names = self.training_objects[1:]
        return [self.makers[name].format(**self.values) for name in names]

    def part(self, role: Role, template: str) -> Section:
        """A section of the whole program's from its template."""
        return Section.of(template.format(**self.values), (WHOLE, role))

    # --- losses ------------------------------------------------------------------

    def loss_sections(self) -> Iterator[Section]:
        """A function (or object) for each different loss."""
        functions = self.step.loss_functions(self.graph)
        outputs = self.graph.outputs
        roles: list[tuple[str, LossFunction]] = []
        for number, (output, function) in enumerate(zip(outputs, functions), 1):
            repeated = output in outputs[: number - 1]
            path = f"{output} (output {number})" if repeated else output
            roles.append((path, function))
        for function, name in self.names.items():
            own = [path for path, one in roles if one == function]
            text = self.loss_text(name, self.losses[function])
            yield Section.of(text, *((path, "loss") for path in own))

    def loss_text(self, name: str, code: Code) -> str:
        """One loss: an object that is called, or a function."""
        if code.make is not None:
            comment = "" if code.own else "(N,)"
            return "\n".join(statement(f"{name} = ", code.make, 0, comment))
        what = "The mean loss" if code.own else "One loss per sample"
        top = [f"def {name}(output, target):", f'    """{what}."""']
        return "\n".join([*top, *code.body])

    @property
    def own_losses(self) -> bool:
        """Whether all losses are the framework's own classes, which return the mean."""
        return all(code.own for code in self.losses.values())

    def whole_loss(self, indent: int) -> str:
        """The statements that compute ``loss``, one number, as lines."""
        if not any(code.own for code in self.losses.values()):
            total = self.total.format(losses="losses")
            over = "" if self.step.sums else " / count"
            return f"{self.losses_text(indent)}\n{' ' * indent}loss = {total}{over}"
        terms, several = [], len(self.step.losses) > 1
        functions = self.step.loss_functions(self.graph)
        for index, (loss, function) in enumerate(zip(self.step.losses, functions)):
            at = f"[{index}]" if several else ""
            name, output, target = self.names[function], f"outputs{at}", f"target{at}"
            text = self.own_loss.format(loss=name, output=output, target=target)
            if not self.losses[function].own:
                each = f"{name}({output}, {target})"
                text = f"{self.total.format(losses=each)} / count"
            if loss.loss_weight != 1.0:
                text = f"{literal(loss.loss_weight)} * {text}"
            terms.append(text)
        lines = statement("loss = ", Name(" + ".join(terms)), indent)
        if len(lines) > 1:
            lines = statement("loss = ", Name(terms[0]), indent)
            for term in terms[1:]:
                lines += statement("loss = loss + ", Name(term), indent)
        return "\n".join(lines)

    def losses_text(self, indent: int) -> str:
        """The statement that computes ``losses``, one for each sample, as lines."""
        step, several = self.step, len(self.step.losses) > 1
        functions = step.loss_functions(self.graph)
        terms = []
        for index, loss in enumerate(step.losses):
            at = f"[{index}]" if several else ""
            text = f"{self.names[functions[index]]}(outputs{at}, target{at})"
            if loss.reduction == "sum" and not step.sums:
                text = f"count * {text}"
            if loss.loss_weight != 1.0:
                text = f"{literal(loss.loss_weight)} * {text}"
            terms.append(Name(f"{text} * weights{at}" if step.weighted else text))
        if not several:
            return f"{' ' * indent}losses = {terms[0].text}"
        reductions = {loss.reduction for loss in step.losses}
        alike = len(self.names) == 1 and len(reductions) == 1 and not step.weighted
        if alike and all(loss.loss_weight == 1.0 for loss in step.losses):
            each = "loss_fn(o, t) for o, t in zip(outputs, target)"
            return f"{' ' * indent}losses = sum({each})"
        total = listing("sum", [listing("", terms)])
        return "\n".join(statement("losses = ", total, indent))

    # --- optimizer ---------------------------------------------------------------

    def optimizer_text(self) -> str:
        """The function ``make_optimizer``."""
        assert self.optimizer.make is not None
        made = statement("return ", self.optimizer.make, 4)
        return "\n".join(["def make_optimizer(model):", *made])

    @cached_property
    def factors(self) -> dict[str, tuple[float, float]]:
        """Canonical name of a parameter → its factors of the learning rate and of the
        weight decay, where one is not 1."""
        return self.training.factors(self.graph.parameters)

    def factor_rows(self, indent: int) -> str:
        """``factors`` as lines, (native parameter, rate, decay)."""
        lines = []
        for name, pair in self.factors.items():
            row = listing("()", [attribute(self.written.weights[name].path), *pair])
            lines += layout("", row, ",", indent)
        return "\n".join(lines)

    def optimizer_of(self, parameters: Sequence[str], others: str) -> Call:
        """The construction of the optimizer, of ``others`` in place of the
        ``parameters``, as they may be written. UnsupportedError where it has none."""
        make, names = self.optimizer.make, [Name(text) for text in parameters]
        assert make is not None
        if not any(argument.value in names for argument in make.arguments):
            raise self.takes_no_groups()
        arguments = (
            replace(a, value=Name(others)) if a.value in names else a
            for a in make.arguments
        )
        return replace(make, arguments=tuple(arguments))

    def takes_no_groups(self) -> UnsupportedError:
        """The error for an optimizer that cannot have groups of parameters."""
        rule = self.step.optimizer.type
        return UnsupportedError(
            f"{rule} takes no groups of parameters in this program",
            where="learning_rate_multipliers",
        )

    # --- the step ----------------------------------------------------------------

    @cached_property
    def training_objects(self) -> list[str]:
        """The names of the objects that live from step to step, the optimizer first."""
        asked = [
            *["sums"] * self.accumulates, *self.training.kept, *["scaler"] * self.scaled,
        ]  # fmt: skip
        return ["optimizer", *(name for name in asked if name in self.makers)]

    @property
    def batch(self) -> list[str]:
        """The arguments that a batch consists of."""
        weights = ["weights"] if self.step.weighted else []
        random = [RANDOM] if self.written.draws else []
        count = ["count"] if "count" in self.takes else []
        return ["x", "target", *weights, *random, *count]

    @cached_property
    def takes(self) -> frozenset[str]:
        """See ``Program.takes``."""
        asked = {"count": self.own_losses, "learning_rate": self.optimizer.own}
        return frozenset(name for name, own in asked.items() if not own)

    @property
    def rate(self) -> list[str]:
        """The argument that is the learning rate, if the step takes it."""
        return ["learning_rate"] if "learning_rate" in self.takes else []

    @cached_property
    def values(self) -> dict[str, str]:
        """The values of ``{…}`` in templates."""
        scaled = ["scaler"] if "scaler" in self.training_objects else []
        batch = [*self.model, *self.batch]
        last = [self.last] if self.accumulates else []
        train = [*batch, *self.training_objects, *self.rate, *last]
        called = listing("loss_and_gradients", map(Name, [*batch, *scaled]))
        return {
            "gradients_head": "\n".join(
                head("def loss_and_gradients", [*batch, *scaled], ":", 0)
            ),
            "train_head": "\n".join(head("def train_step", train, ":", 0)),
            "called": "\n".join(statement(f"{self.results} = ", called, 4)),
            "inputs": self.inputs,
            "over": "" if self.step.sums else " / count",
            "summed": "The loss"
            if self.own_losses
            else "The loss over `count` samples",
            **{name: literal(getattr(self.training, name)) for name in KEEPING},
            "update": self.update_text(),
            **self.own_values(),
        }

    def own_values(self) -> dict[str, str]:
        """Values of the backend's own."""
        return {}

    @property
    def inputs(self) -> str:
        """The arguments that the model is called with."""
        x = "*x" if len(self.graph.inputs) > 1 else "x"
        return f"{x}, {RANDOM}" if self.written.draws else x

    @property
    def apply_arguments(self) -> list[str]:
        """The arguments of ``apply``."""
        return [*self.training_objects, *self.rate]

    @property
    def applied(self) -> str:
        """The call of ``apply``."""
        return f"apply({', '.join(self.apply_arguments)})"

    def update_text(self) -> str:
        """What ``train_step`` does after the gradients."""
        return f"if last:\n        {self.applied}" if self.accumulates else self.applied

    def apply_text(self) -> str:
        """The function ``apply``: from gradients to new weights."""
        raise NotImplementedError

    def function(self, lines: Iterable[str]) -> str:
        """The function ``apply`` of these lines."""
        top = f"def {self.applied}:"
        return "\n".join([top, *(f"    {line}" for line in lines)])

    @property
    def bound(self) -> tuple[str, float] | None:
        """How gradients are clipped, ("clip_norm" or "clip_value", the bound)."""
        for name in ("clip_norm", "clip_value"):
            bound = getattr(self.training, name)
            if bound is not None:
                return name, bound
        return None

    def clip_text(self) -> str:
        """The function ``clip``, if there is one."""
        if self.bound is None or not self.clips:
            return ""
        name, bound = self.bound
        return self.clips[name].format(bound=literal(bound))

    # --- frozen layers -----------------------------------------------------------

    @cached_property
    def frozen(self) -> list[str]:
        """The canonical paths of the layers that are not trained."""
        parameters = self.graph.parameters
        weighted = layers_of(n for n, p in parameters.items() if p.trainable)
        frozen = self.training.frozen(parameters)
        return [layer for layer in frozen if layer in weighted]

    def freeze_text(self) -> str:
        """The function ``freeze``, if there is one."""
        if not self.frozen:
            return ""
        paths = {
            name.rpartition(".")[0]: slot.path.rpartition(".")[0]
            for name, slot in reversed(list(self.written.weights.items()))
        }
        layers = [self.layer(paths[layer]) for layer in self.frozen]
        loop = statement("for layer in ", listing("", layers), 4)
        loop[-1] += ":"
        return "\n".join(
            [
                "def freeze(model):",
                '    """Leave the weights of these layers as they are."""',
                *loop,
                f"        {self.frozen_line()}",
            ]
        )

    def frozen_line(self) -> str:
        """What ``freeze`` does to each ``layer``."""
        raise NotImplementedError

    def layer(self, path: str) -> Name | Call:
        """A layer of the model by its native path."""
        return attribute(path)


def attribute(path: str) -> Name:
    """``model.blocks[0].conv1`` for the native path ``blocks.0.conv1``."""
    parts = (f"[{p}]" if p.isdigit() else f".{p}" for p in path.split("."))
    return Name("model" + "".join(parts))

"""How a model shows itself: in a notebook, and as a plot of its confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polyframe.contract.modules import program_errors
from polyframe.data import Dataset
from polyframe.errors import one_line
from polyframe.io.cards import Card, Displayed
from polyframe.model.confusion import check_names, plot
from polyframe.model.evaluation import measure
from polyframe.model.weights_and_state import WeightsAndState
from polyframe.spec.element import Element, value_text
from polyframe.spec.metrics import ConfusionMatrix
from polyframe.spec.model import ModelSpec
from polyframe.spec.totals import bind_metrics
from polyframe.train.arrays import Data
from polyframe.train.evaluation_data import EvaluationData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMES = 20
"""The most names of classes that are listed."""
LONGEST_PROGRAM = 500
"""The most lines of a program that a notebook's output holds."""


class ShownModel(WeightsAndState, Displayed):
    """The part of ``Model`` that is for the eyes."""

    spec: ModelSpec

    def plot_confusion(
        self,
        x: Data | Dataset,
        y: Data | None = None,
        class_names: Sequence[str] | None = None,
        batch_size: int = 256,
        layout: str = "NCHW",
    ) -> Figure:
        """A Matplotlib figure of how often each class (a column) was predicted for each
        label (a row): counts, coloured by their share of the label's samples.

        - ``x``, ``y``: as ``evaluate`` takes them; of a data set its test data are used,
          or else its validation data, or else its training data. Labels that the loss
          ignores are left out.
        - ``class_names``: one for each class; left out, the model's own ``class_names``,
          or numbers from 0.

        A model with several outputs has a panel for each output that predicts classes.
        Nothing is shown or written; ``savefig`` does that. ``SpecError`` for a loss
        without class labels, ``DataError`` for data that do not fit, ``PolyframeError``
        for names that are not as many as the classes, for a model without a loss, and
        where Matplotlib is not installed.
        """
        engine = self.engine
        losses, graph = engine.objective.losses, engine.graph
        outputs = list(zip(graph.outputs, graph.output_shapes, strict=True))
        bound = bind_metrics([ConfusionMatrix()], losses, outputs)
        names = check_names(
            class_names, engine.class_names, [each.shape[0] for each in bound]
        )
        data = EvaluationData.chosen(engine, x, y, None, layout, batch_size)
        with program_errors(self.spec.name, engine.backend.title):
            row = measure(
                engine.predicting(), data, len(graph.inputs), engine.preprocess,
                losses, bound,
            )  # fmt: skip
        return plot({each.key: row[each.key] for each in bound}, names)

    def _card(self) -> Card:
        engine, spec = self.engine, self.spec
        facts = {
            "Backend": f"{engine.backend.title}, {engine.device}",
            "Parameters": f"{engine.graph.num_parameters:,}, {engine.dtype}",
            "Semantics": _words(engine.semantics),
            "Rewrites": "applied" if engine.target.optimize else "none",
        }
        if engine.trains:
            step = engine.objective
            facts |= {
                "Loss": _words(step.losses),
                "Optimizer": value_text(step.optimizer),
                "Learning rate": f"{engine.learning_rate:g}",
                **(
                    {"Schedule": value_text(engine.schedule)} if engine.schedule else {}
                ),
                **({"Metrics": _words(engine.metrics)} if engine.metrics else {}),
                "Trained": f"{engine.epoch:,} epochs, {engine.steps_done:,} steps",
            }
        else:
            facts["Loss"] = "none; it only predicts"
        if engine.preprocessing:
            facts["Preprocessing"] = _words(engine.preprocessing)
        if engine.class_names:
            facts["Classes"] = _words(engine.class_names)
        lines = engine.program.source.splitlines()
        title = f"Program: {len(lines):,} lines"
        if len(lines) > LONGEST_PROGRAM:
            title += f" (the first {LONGEST_PROGRAM}; model.source has all)"
        return Card(
            spec.name,
            facts=facts,
            folded={
                f"{sum(1 for _ in engine.graph.walk()):,} layers": spec._card(),
                **({title: "\n".join(lines[:LONGEST_PROGRAM])} if lines else {}),
            },
        )


def _words(value: object) -> str:
    """An element, a text, several of them, or a mapping, as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        some = [_words(each) for each in value[:MOST_NAMES]]
        return ", ".join([*some, *(["…"] if len(value) > MOST_NAMES else [])])
    return one_line(value_text(value) if isinstance(value, Element) else str(value))

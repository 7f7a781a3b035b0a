"""The engine below a model: its opened programs, and the progress of its training.

It has what the loop needs (``polyframe.train.protocol.TrainingEngine``); what users need
is in ``polyframe.model.model.Model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.devices import Device
from polyframe.contract.modules import program_errors
from polyframe.contract.programs import write_programs
from polyframe.contract.session import (
    InferenceSession,
    Native,
    StagedBatch,
    TrainingSession,
)
from polyframe.data import augment
from polyframe.errors import PolyframeError
from polyframe.io.array import Array
from polyframe.io.fitting import LoadReport, check_arrays, fit_arrays
from polyframe.model.evaluation import measure, reduce
from polyframe.model.initial_weights import set_initial_weights
from polyframe.model.inspector import Inspector
from polyframe.model.predictor import Predictor
from polyframe.model.unfreezing import continued
from polyframe.randomness import native_seed
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.losses import OutputWeights, check_one_number, sample_weights
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.schedules import Schedule
from polyframe.spec.settings import Training
from polyframe.spec.totals import BoundMetric, Row, bind_metrics
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import Data
from polyframe.train.batch_staging import Stager
from polyframe.train.checks import check_batch, check_targets
from polyframe.train.feed import Batch, HostBatch, assemble_step
from polyframe.train.protocol import Rate


class Engine:
    """A spec's programs on one device of a backend.

    ``step`` is what training adds (None: a model that predicts only), ``schedule`` how
    the loop moves the learning rate. The weights are the initial ones of ``seed``.
    """

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        step: TrainingSpec | None,
        metrics: Sequence[Metric],
        target: Target,
        device: Device,
        seed: int,
        schedule: Schedule | None = None,
    ) -> None:
        self.spec, self.backend, self.metrics = spec, backend, tuple(metrics)
        self.target, self.device, self.seed = target, device, seed
        self.dtype, self.semantics = target.dtype, target.semantics
        self.schedule, self._step = schedule, step
        self.steps_done = self.epoch = 0
        self.program, self.graph = self._written(step)
        self.predictor = Predictor(spec, backend, target, self.open_inference)
        self.stager = Stager(self.graph, seed, self.dtype)
        self.preprocessing: Sequence[Augmentation] = ()
        self.class_names: Sequence[str] = ()
        self.learning_rate = float(step.optimizer.lr) if step else 0.0
        self.rate_was_set = False
        self._changes = 0  # how often the weights have changed
        self._shared = False  # whether the user has been given the native model
        if step is not None:
            _ = self.bound_metrics  # SpecError for metrics that do not fit
        self._session = self._opened(self.program, step)
        set_initial_weights(self._session, spec, self.graph, target, seed)

    def copy(self) -> Engine:
        """An engine of its own with the same weights, state and progress: trained further,
        it takes the same steps."""
        other = Engine(
            self.spec, self.backend, self._step, self.metrics, self.target, self.device,
            self.seed, self.schedule,
        )  # fmt: skip
        other.preprocessing, other.class_names = self.preprocessing, self.class_names
        other.enter(self.epoch)
        other.learning_rate, other.rate_was_set = self.learning_rate, self.rate_was_set
        if self._step is None:
            other.load_weights(self.weights())
        else:
            other.rewind(self.weights(), self.session.training_state(), self.steps_done)
        return other

    # --- programs and sessions ---------------------------------------------------

    def _written(self, step: TrainingSpec | None) -> tuple[Program, TypedGraph]:
        """The program with that step, or without one, for the epoch."""
        target = self.target
        return write_programs(
            self.spec, self.backend, step, target, target.optimize, self.epoch
        )

    def _opened(self, program: Program, step: TrainingSpec | None) -> InferenceSession:
        """A session of such a program."""
        if step is None:
            return self.open_inference(program, self.target)
        session = self.open_training(program, self.target)
        session.began = 0 if step.training.unfreeze else None
        return session

    def open_inference(self, program: Program, target: Target) -> InferenceSession:
        """A session of a program without a step, for this model's inputs and device."""
        shapes = self.graph.input_shapes
        return self.backend.open_inference(program, target, self.device, shapes)

    def open_training(self, program: Program, target: Target) -> TrainingSession:
        """A session of a program with a step, likewise."""
        shapes = self.graph.input_shapes
        return self.backend.open_training(program, target, self.device, shapes)

    @property
    def program_session(self) -> InferenceSession:
        """The session of the model's own program, with or without a step."""
        return self._session

    @property
    def session(self) -> TrainingSession:
        """The session that trains; PolyframeError for a model without a loss."""
        _ = self.objective
        assert isinstance(self._session, TrainingSession)
        return self._session

    def hand_out(self) -> Native:
        """The native model, for the user, who may change its weights from now on: every
        prediction loads them again."""
        self._shared = True
        return self._session.hand_out()

    def weights_changed(self) -> None:
        """Make the next prediction load the weights again."""
        self._changes += 1

    def predicting(self) -> InferenceSession:
        """The inference session, with the current weights."""
        if self._step is None and self.predictor.source == self.program.source:
            return self._session
        state = None if self._shared else self._changes
        return self.predictor.at(state, self.inference_weights)

    # --- the step ----------------------------------------------------------------

    @property
    def objective(self) -> TrainingSpec:
        """The losses, the optimizer and the settings of the step, as the program is
        written now; PolyframeError for a model without a loss."""
        if self._step is None:
            raise PolyframeError(
                "this model has no loss", hint='pf.compile(…, loss="cross_entropy")'
            )
        return self._step

    @property
    def trains(self) -> bool:
        """Whether there is a loss."""
        return self._step is not None

    @property
    def training(self) -> Training:
        """Clipping, accumulation, EMA, freezing, precision."""
        return self.objective.training

    @property
    def weighted(self) -> bool:
        """Whether samples have weights, of their own or of their class."""
        return self.objective.weighted

    @property
    def rate(self) -> Rate | None:
        """The learning rate by (epochs done, last epoch, rows); None: as it is."""
        if self.schedule is None:
            return None
        lr, schedule = self.objective.optimizer.lr, self.schedule
        return lambda at, total, rows: schedule.rate(lr, at, total, rows)

    def adapt(self, targets: Sequence[Array], weighted: bool) -> None:
        """Write the training program for targets of this kind (labels, probabilities)
        and for sample weights, if it is not already."""
        adapted = self.adapted(targets, weighted)
        if adapted != self._step:
            self._rewrite(adapted)

    def enter(self, epoch: int) -> None:
        """Go on after that many epochs. Where this unfreezes layers, the optimizer begins
        anew, for all layers; weights, EMA and loss scale stay."""
        step, graph, before, self.epoch = self._step, self.graph, self.epoch, epoch
        if step and step.at_epoch(graph, before) != step.at_epoch(graph, epoch):
            self.__dict__.pop("inspector", None)
            self._rewrite(step, anew=True)

    def _rewrite(self, step: TrainingSpec, anew: bool = False) -> None:
        """Go on in a program of that step; ``anew``: with a new optimizer. Where this
        fails, the model stays as it was."""
        weights, state = self.weights(), self.session.training_state()
        program, graph = self._written(step)
        session = self._opened(program, step)
        assert isinstance(session, TrainingSession)
        session.set_weights(weights)
        if anew:
            session.began = self.steps_done
            state = continued(state, session, step.training.kept)
        session.set_training_state(state, self.steps_done)
        self._step, self.program, self.graph, self._session = (
            step,
            program,
            graph,
            session,
        )
        self.weights_changed()

    def adapted(self, targets: Sequence[Array], weighted: bool) -> TrainingSpec:
        """The step for targets of this kind."""
        step = self.objective
        check_one_number(step.losses)
        return replace(step.for_targets(targets), weighted=weighted or step.weighted)

    def stage(self, batch: Batch) -> StagedBatch:
        """A batch with the random numbers of its step, on the device."""
        return self.stager.stage(self.session, batch, self.graph)

    def draws(self, count: int, step: int) -> list[Array]:
        """The random numbers of that step for ``count`` samples: an array for each
        random layer of the program, in its order (``program.draws``)."""
        return self.stager.draws(self._session, count, step)

    def advance(self, batch: StagedBatch, last: bool) -> tuple[Native, Native]:
        """A staged batch's share of a step; handles of the loss and the outputs."""
        self.weights_changed()
        session = self.session
        if self.target.native("dropout"):
            session.seed(native_seed(self.seed, self.steps_done))
        with program_errors(self.spec.name, self.backend.title):
            handles = session.train(batch, self.learning_rate, last)
        self.steps_done += last
        return handles

    # --- weights and state -------------------------------------------------------

    def weights(self) -> dict[str, Array]:
        """All weights and running statistics by canonical name; copies."""
        return self._session.weights()

    def inference_weights(self) -> dict[str, Array]:
        """The weights that prediction uses: with ``ema``, the EMA of the weights."""
        weights = self.weights()
        if self._predicts_with:
            for key, value in self.session.training_state().items():
                name, _, kind = key.rpartition("/")
                if kind == self._predicts_with:
                    weights[name] = value
        return weights

    @property
    def _predicts_with(self) -> str | None:
        """The arrays of the training state that prediction uses, if not the weights."""
        return None if self._step is None else self._step.training.predicts_with

    def load_weights(
        self, arrays: Mapping[str, Array], where: str = "weights", strict: bool = True
    ) -> LoadReport:
        """Load canonical weights, all or nothing, or without ``strict`` those that fit; an
        EMA begins at them."""
        shapes = {name: p.shape for name, p in self.graph.parameters.items()}
        checked, report = fit_arrays(arrays, shapes, self.dtype, where, strict)
        self._session.set_weights(checked)
        self.weights_changed()
        if self._predicts_with:
            state = self.session.training_state()
            for key in state:
                name, _, kind = key.rpartition("/")
                if kind == self._predicts_with and name in checked:
                    state[key] = checked[name]
            self.session.set_training_state(state, self.steps_done)
        return report

    def load_training_state(
        self, state: Mapping[str, Array], step: int, epoch: int,
        where: str = "training state",
    ) -> None:  # fmt: skip
        """Continue from the state that this or another backend had after that step."""
        before = self.epoch, self.program, self.graph, self._session
        self.enter(epoch)
        known = self.session.training_state()
        shapes = {name: value.shape for name, value in known.items()}
        try:
            checked = check_arrays(state, shapes, self.dtype, where)
        except PolyframeError:
            self.epoch, self.program, self.graph, self._session = before
            raise
        self.session.set_training_state(checked, step)
        self.weights_changed()
        self.steps_done = step

    def rewind(
        self, weights: Mapping[str, Array], state: Mapping[str, Array], step: int
    ) -> None:
        """Back to weights and state of this training, as they were after that step."""
        self.session.set_weights(weights)
        self.session.set_training_state(state, step)
        self.steps_done = step
        self.weights_changed()

    # --- measuring ---------------------------------------------------------------

    @cached_property
    def bound_metrics(self) -> list[BoundMetric]:
        """The metrics, and the outputs that they belong to."""
        losses = self.objective.losses
        outputs = list(zip(self.graph.outputs, self.graph.output_shapes, strict=True))
        return bind_metrics(self.metrics, losses, outputs)

    def check_targets(
        self, y: Data | None, count: int, layout: str = "NCHW"
    ) -> list[Array]:
        """One checked array of targets for each output."""
        losses, shapes = self.objective.losses, self.graph.output_shapes
        return check_targets(losses, shapes, y, count, self.dtype, layout)

    def check_batch(self, batch: object, layout: str = "NCHW") -> HostBatch:
        """One checked batch from (x, y) or (x, y, sample_weight)."""
        return check_batch(self.graph, self.objective.losses, batch, self.dtype, layout)

    def sample_weights_of(
        self, targets: Sequence[Array], given: Array | None
    ) -> list[OutputWeights]:
        """Each output's sample weights."""
        return sample_weights(self.objective.losses, targets, given)

    def whole_step(self, batch: HostBatch, weighted: bool) -> Batch:
        """A checked batch that is a step by itself, the next one."""
        weighting = self.sample_weights_of if weighted else None
        return next(assemble_step([batch], weighting, self.steps_done, 0))

    def preprocess(self, inputs: Sequence[Array]) -> list[Array]:
        """Samples preprocessed as in training (``normalize``), in the model's dtype."""
        if self.preprocessing:
            none = np.empty(len(inputs[0]))
            inputs = [augment(self.preprocessing, inputs[0], none, self.seed, 0)[0]]
        return [np.ascontiguousarray(array, self.dtype) for array in inputs]

    def measure(self, batches: Iterable[Sequence[Array]]) -> Row:
        """Loss and metrics over batches of inputs, targets and, if there are any, sample
        weights."""
        losses = self.objective.losses
        with program_errors(self.spec.name, self.backend.title):
            return measure(
                self.predicting(), batches, len(self.graph.inputs), self.preprocess,
                losses, self.bound_metrics,
            )  # fmt: skip

    def loss(self, batches: Iterable[Sequence[Array]]) -> float | Array:
        """The loss over such batches; each sample's, (N,), with reduction="none"."""
        losses = self.objective.losses
        with program_errors(self.spec.name, self.backend.title):
            return reduce(
                self.predicting(), batches, len(self.graph.inputs), self.preprocess,
                losses,
            )  # fmt: skip

    # --- looking inside ----------------------------------------------------------

    @cached_property
    def inspector(self) -> Inspector:
        """The inspector, which runs the idiomatic program in the weights' dtype."""
        target = replace(self.target, precision=None, optimize=False)
        return Inspector(
            self.spec, self.graph, self.backend, target, self.open_inference,
            self.open_training, self.stager,
        )  # fmt: skip

    def inspect(self, batch: Batch) -> tuple[dict[str, Array], dict[str, Array]]:
        """The (activations, gradients) of a batch at the current weights."""
        part, inspector, weights = batch.part, self.inspector, self.weights()
        inputs = part.inputs if part.arranged else self.session.arrange(part.inputs)
        gradients = inspector.gradients(self.objective, batch, weights)
        activations = inspector.activations(inputs, True, weights, self.steps_done)
        return activations, gradients

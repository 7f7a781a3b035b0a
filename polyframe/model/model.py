"""A spec on a backend: what ``compile`` makes, to train, to ask, to look into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.modules import program_errors
from polyframe.contract.programs import write_programs
from polyframe.contract.session import Session
from polyframe.data import Dataset, augment
from polyframe.errors import PolyframeError
from polyframe.io import weights as weight_files
from polyframe.model.evaluation import measure, reduce
from polyframe.model.inspector import Inspector
from polyframe.model.predictor import Predictor
from polyframe.randomness import native_seed
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.losses import (
    OutputWeights,
    check_one_number,
    sample_weights,
)
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.sampling import initial_weights
from polyframe.spec.schedules import Schedule
from polyframe.spec.settings import Training
from polyframe.train.arrays import Batches, prepare
from polyframe.train.batch_staging import Stager
from polyframe.train.checks import check_part, check_targets
from polyframe.train.evaluation_data import EvaluationData
from polyframe.train.feed import Batch, HostBatch, assemble_step
from polyframe.train.fit import fit
from polyframe.train.history import BoundMetric, History, Row, measured


class Model:
    """A spec on a backend: train it, ask it, look into it. Made by ``compile``."""

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        step: TrainingSpec | None,
        metrics: tuple[Metric, ...],
        target: Target,
        device: str,
        seed: int,
        optimize: bool,
    ) -> None:
        self.spec, self.backend, self.metrics = spec, backend, metrics
        self.target, self.device = target, device
        self.seed, self.optimize = seed, optimize
        self.dtype, self.semantics = target.dtype, target.semantics
        self.objective = step
        self.predictor = Predictor(spec, backend, target, optimize, self._open)
        self.changes = 0  # how often the weights have changed
        self._shared = False  # whether anybody has been given the native model
        self.program, self.graph = write_programs(spec, backend, step, target, optimize)
        self.schedule: Schedule | None = None
        self.preprocessing: Sequence[Augmentation] = ()  # what fit was told of
        self.promises: list[str] = []
        self.learning_rate = float(step.optimizer.lr) if step else 0.0
        self.steps_done = 0  # optimizer steps taken
        self.epoch = 0  # whole epochs shown by fit
        self.stager = Stager(self.graph, seed, self.dtype)
        self.session = self._open(self.program, self.target)
        self.session.set_weights(
            initial_weights(self.graph.parameters, seed, self.dtype)
        )

    # --- programs and sessions ---------------------------------------------------

    def _open(self, program: Program, target: Target) -> Session:
        shapes = [shape for _, shape in self.graph.inputs]
        return self.backend.open(program, target, self.device, shapes)

    @property
    def source(self) -> str:
        """The training program (without a loss, the model alone), as text."""
        return self.program.source

    @property
    def inference_program(self) -> Program:
        """The program that ``predict`` and ``evaluate`` run."""
        return self.predictor.written.program

    @property
    def inference_source(self) -> str:
        """The inference program, as text: batch norms are folded into the layers in
        front of them, and random layers are gone."""
        return self.inference_program.source

    @property
    def native(self) -> Any:
        """The framework's own object: an ``nn.Module``, a ``tf.keras.Model``, …

        It is made anew when targets or weights of samples of another kind come in
        (probabilities instead of labels), since the program changes with them.
        """
        self._shared = True  # weights may change by other hands from now on
        self.session.shared = True
        return self.session.native

    def _predictor(self) -> Session:
        """The inference session, with the weights of this moment."""
        if self.objective is None and self.inference_source == self.source:
            return self.session
        state = None if self._shared else self.changes
        return self.predictor.at(state, self.inference_weights)

    def adapt(self, targets: Sequence[np.ndarray], weighted: bool) -> None:
        """Write the training program for targets of this kind (labels, probabilities)
        and for samples with weights, if it is not already."""
        wanted = self._adapted(targets, weighted)
        if wanted == self.objective:
            return
        weights, state = self.session.weights(), self.session.training_state()
        self.objective = wanted
        self.program, _ = write_programs(
            self.spec, self.backend, wanted, self.target, self.optimize
        )
        self.session = self._open(self.program, self.target)
        self.session.set_weights(weights)
        self.session.set_training_state(state, self.steps_done)
        self.changes += 1

    def _adapted(self, targets: Sequence[np.ndarray], weighted: bool) -> TrainingSpec:
        step = self._needs_step()
        check_one_number(step.losses)
        return replace(step.for_targets(targets), weighted=weighted or step.weighted)

    # --- weights and state -------------------------------------------------------

    def weights(self) -> dict[str, np.ndarray]:
        """All weights and running statistics: canonical names, layouts, copies."""
        return self.session.weights()

    def inference_weights(self) -> dict[str, np.ndarray]:
        """The weights that prediction uses: with ``ema``, averages of the trained."""
        found = self.weights()
        if self.objective and self.objective.training.ema is not None:
            for key, value in self.session.training_state().items():
                name, _, kind = key.rpartition("/")
                if kind == "average":
                    found[name] = value
        return found

    def load_weights(self, source: Mapping[str, np.ndarray] | str | Path) -> None:
        """Load weights from a mapping or a safetensors file; all or nothing. Averages
        (``ema``) begin at them.

        ``WeightsError`` lists every missing, extra or misshapen entry.
        """
        where = "weights"
        if isinstance(source, (str, Path)):
            where, source = str(source), weight_files.load(source)
        shapes = {name: p.shape for name, p in self.graph.parameters.items()}
        found = weight_files.check_arrays(source, shapes, self.dtype, where)
        self.session.set_weights(found)
        self.changes += 1
        if self.objective and self.objective.training.ema is not None:
            state = self.session.training_state()
            for key in state:
                name, _, kind = key.rpartition("/")
                if kind == "average":
                    state[key] = found[name]
            self.session.set_training_state(state, self.steps_done)

    def save_weights(self, path: str | Path) -> None:
        """Write a safetensors file, which is also a PyTorch ``state_dict``."""
        weight_files.save(path, self.weights(), spec=self.spec.hash)

    def training_state(self) -> dict[str, np.ndarray]:
        """What training keeps besides weights: ``<parameter>/<state>``, by PyTorch's
        names (``exp_avg``, ``momentum_buffer``) and meaning; ``average`` with ema."""
        self._needs_step()
        return self.session.training_state()

    def load_training_state(
        self, state: Mapping[str, np.ndarray], step: int, epoch: int
    ) -> None:
        """Go on from the state that this or another backend had at that step."""
        known = self.training_state()
        shapes = {name: value.shape for name, value in known.items()}
        found = weight_files.check_arrays(state, shapes, self.dtype, "training state")
        self.session.set_training_state(found, step)
        self.changes += 1
        self.steps_done, self.epoch = step, epoch

    # --- use ---------------------------------------------------------------------

    def predict(self, x: Any, batch_size: int = 256, layout: str = "NCHW") -> Any:
        """Outputs for samples ``x`` (N, C, H, W), or a list of arrays per input.

        NumPy in, NumPy out; a list of arrays where the model has several outputs.
        """
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        session = self._predictor()
        if not self.preprocessing:
            inputs = session.arrange(inputs)
        batches = (
            session.arrange(self.preprocess(batch)) if self.preprocessing else batch
            for batch in Batches(inputs, batch_size)
        )
        parts = [self._run(session, batch) for batch in batches]
        outputs = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return outputs if len(outputs) > 1 else outputs[0]

    def _run(self, session: Session, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        with program_errors(self.spec.name, self.backend.title):
            return session.forward(inputs)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 256,
        layout: str = "NCHW",
        sample_weight: Any = None,
    ) -> Row:
        """Loss and metrics over a whole set: ``{"loss": …, "accuracy": …}``.

        The loss is the mean over samples, weighted by ``sample_weight`` (N,) and the
        loss's class weights; metrics count every sample alike. ``x`` may be a
        ``polyframe.data`` data set: its test data, or where there are none its training
        data.
        """
        if isinstance(x, Dataset):
            return self.measure(EvaluationData.of(self, x.test or x.train))
        return self.measure(
            EvaluationData(self, x, y, sample_weight, layout, batch_size)
        )

    def preprocess(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Samples as the model was trained on them (``normalize``), in its dtype."""
        if self.preprocessing:
            none = np.empty(len(inputs[0]))
            inputs = [augment(self.preprocessing, inputs[0], none, self.seed, 0)[0]]
        return [np.ascontiguousarray(array, self.dtype) for array in inputs]

    def measure(self, batches: Iterable[Sequence[np.ndarray]]) -> Row:
        """Loss and metrics over batches of inputs, targets and, if there are any,
        weights of samples."""
        step = self._needs_step()
        with program_errors(self.spec.name, self.backend.title):
            return measure(
                self._predictor(), batches, len(self.graph.inputs), self.preprocess,
                step.losses, self.measured,
            )  # fmt: skip

    def loss(
        self, x: Any, y: Any, sample_weight: Any = None, layout: str = "NCHW"
    ) -> Any:
        """The loss that ``evaluate`` gives, a float; nothing is trained. Where the
        losses have reduction="none", each sample's, (N,)."""
        held = EvaluationData(self, x, y, sample_weight, layout)
        with program_errors(self.spec.name, self.backend.title):
            return reduce(
                self._predictor(), held, len(self.graph.inputs), self.preprocess,
                self._needs_step().losses,
            )  # fmt: skip

    @cached_property
    def measured(self) -> list[BoundMetric]:
        """The metrics, and the outputs that they belong to."""
        losses = self._needs_step().losses
        outputs = list(zip(self.graph.outputs, self.graph.output_shapes, strict=True))
        return measured(self.metrics, losses, outputs)

    def check_targets(self, y: Any, count: int) -> list[np.ndarray]:
        """One checked array of targets for each output."""
        losses, shapes = self._needs_step().losses, self.graph.output_shapes
        return check_targets(losses, shapes, y, count, self.dtype)

    def _needs_step(self) -> TrainingSpec:
        if self.objective is None:
            raise PolyframeError(
                "this model has no loss", hint='pf.compile(…, loss="cross_entropy")'
            )
        return self.objective

    def sample_weights_of(
        self, targets: Sequence[np.ndarray], given: np.ndarray | None
    ) -> list[OutputWeights]:
        """Each output's weights of samples."""
        return sample_weights(self._needs_step().losses, targets, given)

    def train_step(
        self, x: Any, y: Any, layout: str = "NCHW", sample_weight: Any = None
    ) -> float:
        """One optimizer step on one batch; the batch's mean loss."""
        part = self.check_part((x, y, sample_weight), layout)
        self.adapt(part.targets, part.weights is not None)
        sample_weights_of = (
            self.sample_weights_of if self._needs_step().weighted else None
        )
        (batch,) = assemble_step([part], sample_weights_of, self.steps_done, 0)
        loss, _ = self.advance(self.stage(batch), True)
        return self.session.read(loss).item()

    def check_part(self, batch: Any, layout: str = "NCHW") -> HostBatch:
        """One checked batch from (x, y) or (x, y, sample_weight)."""
        losses = self._needs_step().losses
        return check_part(self.graph, losses, batch, self.dtype, layout)

    def stage(self, batch: Batch) -> Any:
        """A batch with the draws of its step, on the device."""
        return self.stager.stage(self.session, batch)

    def advance(self, batch: Any, last: bool) -> tuple[Any, Any]:
        """A staged batch's part of a step; handles of the loss and the outputs."""
        self.changes += 1
        if self.semantics == "native":
            self.session.seed(native_seed(self.seed, self.steps_done))
        with program_errors(self.spec.name, self.backend.title):
            found = self.session.train(batch, self.learning_rate, last)
        self.steps_done += last
        return found

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        shuffle: bool = True,
        layout: str = "NCHW",
        sample_weight: Any = None,
        augmentation: Sequence[Any] = (),
        steps_per_epoch: int | None = None,
        resume: str | Path | None = None,
        folder: str | Path = ".",
    ) -> History:
        """Train; one row of losses and metrics an epoch in the history returned.

        - ``x``: arrays as ``predict`` takes them, a ``polyframe.data`` data set, or,
          with ``y`` left out, an iterable of batches (x, y) or (x, y, sample_weight).
        - ``validation_data``: (x, y) or (x, y, sample_weight); a data set's test data
          by themselves.
        - ``callbacks``: data as ``pf.EarlyStopping(patience=3)``, their names, or your
          own ``polyframe.train.Callback``.
        - ``augmentation``: what ``polyframe list augmentations`` shows, in order.
        - ``steps_per_epoch``: how many steps of an iterable are one epoch.
        - ``resume``: a folder of checkpoints (``pf.ModelCheckpoint``); training goes on
          from the newest, on this or another backend, or begins where there is none.
          ``epochs`` then counts from the very beginning.
        - ``folder``: where callbacks write.
        """
        return fit(
            self, x, y, epochs, batch_size, validation_data, callbacks, shuffle, layout,
            sample_weight, augmentation, steps_per_epoch, resume, folder,
        )  # fmt: skip

    @property
    def training(self) -> Training:
        """Clipping, accumulation, averages, freezing, precision."""
        return self._needs_step().training

    @property
    def weighted(self) -> bool:
        """Whether samples have weights, of their own or of their class."""
        return self._needs_step().weighted

    @property
    def rate(self) -> Callable[[float, int, Sequence[Row]], float] | None:
        """The learning rate by (epochs done, last epoch, rows); None: as it is."""
        if self.schedule is None:
            return None
        lr = self._needs_step().optimizer.lr
        schedule = self.schedule
        return lambda at, total, rows: schedule.rate(lr, at, total, rows)

    # --- looking inside ----------------------------------------------------------

    @cached_property
    def _inspector(self) -> Inspector:
        # Looks in the weights' dtype, and at the program as it is written by hand.
        target = replace(self.target, precision=None, optimize=False)
        return Inspector(
            self.spec, self.graph, self.backend, target, self._open, self.stager
        )

    def gradients(
        self, x: Any, y: Any, layout: str = "NCHW", sample_weight: Any = None
    ) -> dict[str, np.ndarray]:
        """The gradients of the mean loss, by canonical name, of frozen layers too;
        changes no state."""
        step, batch = self._looked_at((x, y, sample_weight), layout)
        return self._inspector.gradients(step, batch, self.weights())

    def output_gradients(
        self, x: Any, y: Any, layout: str = "NCHW"
    ) -> dict[str, np.ndarray]:
        """The slope of the mean loss in every node's output and every input, by path,
        (C, H, W): summed over the samples; changes no state."""
        step, batch = self._looked_at((x, y, None), layout)
        return self._inspector.output_gradients(step, batch, self.weights())

    def _looked_at(self, batch: Any, layout: str) -> tuple[TrainingSpec, Batch]:
        """A checked batch, and the step that is written for its kind of targets."""
        part = self.check_part(batch, layout)
        step = self._adapted(part.targets, part.weights is not None)
        sample_weights_of = self.sample_weights_of if step.weighted else None
        return step, next(
            iter(assemble_step([part], sample_weights_of, self.steps_done, 0))
        )

    def activations(
        self, x: Any, training: bool = False, layout: str = "NCHW"
    ) -> dict[str, np.ndarray]:
        """Every node's output by its path, (N, C, H, W); changes no state.

        In training mode batch norm uses the batch's statistics, and random layers the
        draws of the next step.
        """
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        return self._inspector.activations(
            self.session.arrange(inputs), training, self.weights(), self.steps_done
        )

    def look(self, batch: Batch) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The activations and gradients that a batch of the loop's has right now."""
        inputs = batch.part.inputs
        if not batch.part.arranged:
            inputs = self.session.arrange(inputs)
        look, weights = self._inspector, self.weights()
        gradients = look.gradients(self._needs_step(), batch, weights)
        return look.activations(inputs, True, weights, self.steps_done), gradients

    def __repr__(self) -> str:
        return (
            f"<{self.spec.name} on {self.backend.title}, {self.device}, {self.dtype}>"
        )

"""``Model``, a spec on a backend: trains, predicts, evaluates, and can be inspected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.devices import Device
from polyframe.contract.modules import program_errors
from polyframe.contract.registry import require
from polyframe.contract.session import InferenceSession, Native
from polyframe.data import Dataset
from polyframe.errors import PolyframeError, brief
from polyframe.io.array import Array
from polyframe.model.display import ShownModel
from polyframe.model.engine import Engine
from polyframe.model.weights_and_state import COUNT
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.fields import Float, checked
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.schedules import Schedule
from polyframe.spec.semantics import Semantics
from polyframe.spec.totals import Row
from polyframe.spec.typed import TypedGraph
from polyframe.train import model_file
from polyframe.train.arrays import Batches, Data, prepare
from polyframe.train.augmentation import check_preprocessing
from polyframe.train.callbacks.base import Callback
from polyframe.train.evaluation_data import EvaluationData
from polyframe.train.feed import Batch, HostBatch
from polyframe.train.fit import TrainingData, ValidationData, fit
from polyframe.train.history import History


class Model(ShownModel):
    """A spec on a backend, made by ``compile``: it trains, predicts and evaluates.

    - ``spec``, ``backend``, ``device``, ``dtype``, ``semantics``, ``optimize``, ``seed``,
      ``metrics``, ``schedule``: what it was compiled for; they cannot be set.
    - ``promises``: with ``deterministic=True``, a line for each thing that the framework
      cannot promise.
    - ``engine``: the sessions and counters that the training loop uses.

    Samples are (N, C, H, W). With ``layout="NHWC"`` the channels come last in samples and
    targets of any number of axes: images (N, H, W, C), signals (N, L, C), volumes
    (N, D, H, W, C); labels (N, H, W) have none. Outputs are always (N, C, H, W). Arrays
    may be anything that NumPy makes an array of. Bytes (uint8) are those of images and
    count as x / 255, as in data sets. Arrays that do not fit raise ``DataError``. Weights
    have canonical names ("conv1.weight") and PyTorch's layouts. In a notebook a model shows
    what it was compiled for, its layers and its program.
    """

    engine: Engine
    promises: list[str]
    spec: ModelSpec
    backend: Backend
    device: Device
    dtype: str
    semantics: Semantics
    optimize: bool
    seed: int
    metrics: tuple[Metric, ...]
    schedule: Schedule | None

    def __init__(self, engine: Engine, promises: Sequence[str] = ()) -> None:
        self.engine, self.promises = engine, list(promises)
        self.spec, self.backend = engine.spec, engine.backend
        self.device, self.dtype = engine.device, engine.dtype
        self.semantics, self.optimize = engine.semantics, engine.target.optimize
        self.seed, self.metrics = engine.seed, engine.metrics
        self.schedule = engine.schedule

    def __deepcopy__(self, memo: dict[int, object]) -> Model:
        """A model of its own, with the same weights, optimizer state and progress."""
        return type(self)(self.engine.copy(), self.promises)

    # --- programs ----------------------------------------------------------------

    @property
    def graph(self) -> TypedGraph:
        """The typed graph of the training program."""
        return self.engine.graph

    @property
    def program(self) -> Program:
        """The training program (without a loss, the model alone)."""
        return self.engine.program

    @property
    def source(self) -> str:
        """The training program, as text."""
        return self.program.source

    @property
    def inference_program(self) -> Program:
        """The program that ``predict`` and ``evaluate`` run."""
        return self.engine.predictor.written.program

    @property
    def inference_source(self) -> str:
        """The inference program, as text: batch norms are folded into the layers before
        them, and random layers are left out."""
        return self.inference_program.source

    @property
    def native(self) -> Native:
        """The framework's own object: an ``nn.Module``, a ``tf.keras.Model``, …

        It is replaced when training begins with targets of another kind (probabilities
        instead of labels) or with sample weights, and when layers are unfrozen, since the
        program depends on them.
        """
        return self.engine.hand_out()

    # --- progress ---------------------------------------------------

    @property
    def steps_done(self) -> int:
        """Optimizer steps taken, which also key the random numbers of the next step."""
        return self.engine.steps_done

    @steps_done.setter
    def steps_done(self, value: int) -> None:
        self.engine.steps_done = checked("steps_done", COUNT, value)

    @property
    def epoch(self) -> int:
        """Whole epochs trained by ``fit``."""
        return self.engine.epoch

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step, 0 or more; a schedule changes it in ``fit``,
        which warns where that undoes what was set."""
        return self.engine.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.engine.learning_rate = checked("learning_rate", Float(0.0), value)
        self.engine.rate_was_set = True

    @property
    def preprocessing(self) -> Sequence[Augmentation]:
        """What is applied to all samples (``normalize``), by every method. ``fit`` sets
        it, and it stays until another ``normalize`` is given; it is saved with the
        weights."""
        return self.engine.preprocessing

    @preprocessing.setter
    def preprocessing(self, value: Sequence[Augmentation]) -> None:
        self.engine.preprocessing = check_preprocessing(self.graph.inputs, value)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label; () where no data set has told them."""
        return tuple(self.engine.class_names)

    @class_names.setter
    def class_names(self, value: Sequence[str]) -> None:
        listed = isinstance(value, (list, tuple))
        if not (listed and all(isinstance(name, str) for name in value)):
            raise PolyframeError(
                f"got {brief(value)}; a list of texts is needed", where="class_names"
            )
        self.engine.class_names = tuple(value)

    # --- files ---------------------------------------------------------------------

    def save_weights(self, path: str | Path) -> None:
        """Write the weights that ``predict`` uses (``inference_weights``) to a safetensors
        file, which is also a PyTorch ``state_dict``."""
        model_file.write_weights(path, self)

    def save(self, path: str | Path) -> None:
        """Write the whole model to one safetensors file: spec, weights as ``predict``
        uses them, preprocessing and names of the classes. ``pf.load_model`` reads it, on
        any backend; as a file of weights it is like that of ``save_weights``."""
        model_file.write(path, self)

    # --- use ---------------------------------------------------------------------

    def predict(self, x: Data, batch_size: int = 256, layout: str = "NCHW") -> Any:
        """The outputs for samples ``x``, (N, C, H, W) or a list with one array for each
        input.

        Returns a NumPy array (N, …) in the model's dtype, or a list of them where the
        model has several outputs. ``batch_size``: how many samples run at a time.
        """
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        session, preprocess = self.engine.predicting(), self.engine.preprocess
        if not self.preprocessing:
            inputs = session.arrange(inputs)
        batches = (
            session.arrange(preprocess(batch)) if self.preprocessing else batch
            for batch in Batches(inputs, batch_size)
        )
        parts = [self._run(session, batch) for batch in batches]
        outputs = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return outputs if len(outputs) > 1 else outputs[0]

    def _run(self, session: InferenceSession, inputs: Sequence[Array]) -> list[Array]:
        with program_errors(self.spec.name, self.backend.title):
            return session.forward(inputs)

    def evaluate(
        self,
        x: Data | Dataset,
        y: Data | None = None,
        batch_size: int = 256,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
    ) -> Row:
        """Loss and metrics over all samples: ``{"loss": …, "accuracy": …}``.

        The loss is the mean over the samples, weighted by ``sample_weight`` (N,) and the
        loss's class weights, without labels that it ignores: ``Σ s·loss / Σ s·d``, as in
        a step, and 0 where all are ignored. Metrics weigh samples by ``sample_weight``,
        and leave out the same labels; class weights are the loss's alone. ``x`` may be a
        ``polyframe.data`` data set (without ``y``): its test data are used, or else its
        validation data, or else its training data.
        """
        return self.engine.measure(
            EvaluationData.chosen(self.engine, x, y, sample_weight, layout, batch_size)
        )

    def loss(
        self,
        x: Data,
        y: Data,
        sample_weight: Data | None = None,
        layout: str = "NCHW",
    ) -> Any:
        """The loss that ``evaluate`` gives, a float. Where the losses have
        reduction="none", the loss of each sample, (N,)."""
        data = EvaluationData.of(self.engine, x, y, sample_weight, layout)
        return self.engine.loss(data)

    def train_step(
        self,
        x: Data,
        y: Data,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
    ) -> float:
        """Take one optimizer step on a batch; returns the batch's mean loss, from before
        the update."""
        engine = self.engine
        batch = self._checked((x, y, sample_weight), layout)
        engine.adapt(batch.targets, batch.weights is not None)
        staged = engine.stage(engine.whole_step(batch, engine.weighted))
        loss, _ = engine.advance(staged, True)
        return float(engine.session.read(loss).item())

    def fit(
        self,
        x: TrainingData,
        y: Data | None = None,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: ValidationData | None = None,
        callbacks: Sequence[Callback | CallbackSpec | str | Mapping[str, Any]] = (),
        shuffle: bool = True,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
        augmentation: Sequence[Augmentation | str | Mapping[str, Any]] = (),
        steps_per_epoch: int | None = None,
        resume: str | Path | None = None,
        folder: str | Path = ".",
        validation_split: float | None = None,
        validation_batch_size: int | None = None,
        drop_last: bool = False,
        verbose: bool | int | str = "auto",
    ) -> History:
        """Train; returns the history, with a row of loss and metrics for each epoch.

        - ``x``, ``y``: arrays as ``predict`` takes them, and targets, one array for each
          output: class labels (integers) or numbers, as the loss needs. Without ``y``,
          ``x`` is a ``polyframe.data`` data set, or an iterable of batches (x, y) or
          (x, y, sample_weight).
        - ``epochs``: how many epochs to train, after those that the model has had.
        - ``batch_size``: samples in a batch; with ``accumulate``, a step takes several.
        - ``validation_data``: (x, y) or (x, y, sample_weight), or a list (anything that
          begins anew) of such batches, evaluated after each epoch as ``val_loss``, …; of
          a data set, its validation data if left out. Its test data are for ``evaluate``.
        - ``callbacks``: specs as ``pf.EarlyStopping(patience=3)``, their names, or your
          own ``polyframe.train.Callback`` objects.
        - ``shuffle``: whether each epoch has a new random order.
        - ``layout``: "NCHW" or "NHWC", the order of the axes in ``x``, ``y`` and the
          validation data.
        - ``sample_weight``: (N,), none negative, not all 0.
        - ``augmentation``: what ``polyframe list augmentations`` shows, applied in order.
        - ``steps_per_epoch``: how many steps of an iterable are one epoch; left out, one
          pass over it.
        - ``resume``: a folder of checkpoints (``pf.ModelCheckpoint``). Training continues
          from the newest one, of this or another backend, with the same settings;
          ``epochs`` then is the total.
        - ``folder``: where callbacks write their files. If any does, it is locked for as
          long as this takes: ``LockedError`` while another training writes there.
        - ``validation_split``: the share of the samples, above 0 and below 1, that is not
          trained on but validated on after each epoch: ``floor(share·N + 1/2)`` of N,
          chosen by the model's seed, the same on every backend. Where targets are class
          labels (N,), each class has its share. Sample weights weigh both parts.
        - ``validation_batch_size``: how many samples of the validation data run at a time;
          256 if left out.
        - ``drop_last``: whether an epoch leaves its last batch out if it has fewer samples
          than ``batch_size``.
        - ``verbose``: 0 shows nothing, 1 a progress bar (lines where stderr is a file or
          a pipe), 2 a line for each epoch. "auto" shows the bar in a notebook and at the
          prompt of Python on a terminal, and nothing in a script.

        ``DataError`` for data that do not fit, for both ``validation_data`` and
        ``validation_split``, and where a split would leave a part, or a class in a part,
        without samples; ``WeightsError` where there is nothing to
        resume from, and ``PolyframeError`` that names the setting that is another one
        now; ``PolyframeError`` for a ``monitor`` that no row will have;
        ``DivergedError`` where ``pf.TerminateOnNaN`` watches and the loss is no longer
        finite. What ``spec.lint(loss)`` says of inputs and losses is a ``UserWarning``.
        """
        return fit(
            self, x, y, epochs=epochs, batch_size=batch_size,
            validation_data=validation_data, callbacks=callbacks, shuffle=shuffle,
            layout=layout, sample_weight=sample_weight, augmentation=augmentation,
            steps_per_epoch=steps_per_epoch, resume=resume, folder=folder,
            validation_split=validation_split,
            validation_batch_size=validation_batch_size, drop_last=drop_last,
            verbose=verbose,
        )  # fmt: skip

    # --- looking inside ----------------------------------------------------------

    def gradients(
        self,
        x: Data,
        y: Data,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
    ) -> dict[str, Array]:
        """The gradients of the mean loss by canonical name, also of frozen layers, without
        clipping; changes no state."""
        step, batch = self._inspected((x, y, sample_weight), layout)
        return self.engine.inspector.gradients(step, batch, self.weights())

    def output_gradients(
        self, x: Data, y: Data, layout: str = "NCHW"
    ) -> dict[str, Array]:
        """The gradient of the mean loss with respect to every node's output and every
        input, by path, (C, H, W): summed over the samples; changes no state."""
        step, batch = self._inspected((x, y, None), layout)
        return self.engine.inspector.output_gradients(step, batch, self.weights())

    def _checked(self, batch: object, layout: str) -> HostBatch:
        """A checked batch, its samples preprocessed."""
        checked = self.engine.check_batch(batch, layout)
        return replace(checked, inputs=self.engine.preprocess(checked.inputs))

    def _inspected(self, batch: object, layout: str) -> tuple[TrainingSpec, Batch]:
        """A checked batch, and the step that is written for its kind of targets."""
        engine = self.engine
        checked = self._checked(batch, layout)
        step = engine.adapted(checked.targets, checked.weights is not None)
        return step, engine.whole_step(checked, step.weighted)

    def activations(
        self, x: Data, training: bool = False, layout: str = "NCHW"
    ) -> dict[str, Array]:
        """Every node's output by its path, (N, C, H, W); changes no state.

        In training mode batch norm uses the batch's statistics, and random layers the
        random numbers of the next step.
        """
        if training:
            require(self.backend, "train", where="activations in training mode")
        engine = self.engine
        inputs = engine.preprocess(prepare(self.graph.inputs, x, self.dtype, layout))
        return engine.inspector.activations(
            engine.program_session.arrange(inputs), training, self.weights(),
            self.steps_done,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"<{self.spec.name} on {self.backend.title}, {self.device}, {self.dtype}>"
        )

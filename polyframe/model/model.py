"""A spec on a backend: what ``compile`` makes, to train, to ask, to look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyframe.compiler.program import Program
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.modules import program_errors
from polyframe.contract.registry import require
from polyframe.contract.session import InferenceSession, Native
from polyframe.data import Dataset
from polyframe.io import weights as weight_files
from polyframe.io.array import Array
from polyframe.model.engine import Engine
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.callbacks import CallbackSpec
from polyframe.train.arrays import Batches, Data, prepare
from polyframe.train.callbacks.base import Callback
from polyframe.train.evaluation_data import EvaluationData
from polyframe.train.feed import Batch
from polyframe.train.fit import TrainingData, ValidationData, fit
from polyframe.train.history import History, Row


class Model:
    """A spec on a backend: train it, ask it, look into it. Made by ``compile``.

    - ``spec``, ``backend``, ``device``, ``dtype``, ``semantics``, ``optimize``, ``seed``,
      ``metrics``, ``schedule``: what it was compiled for.
    - ``graph``: the typed graph: names and shapes of inputs, outputs, parameters.
    - ``promises``: with ``deterministic=True``, what the framework cannot promise.
    - ``engine``: the sessions and counters below; the training loop drives it.
    """

    def __init__(self, engine: Engine, promises: Sequence[str] = ()) -> None:
        self.engine, self.promises = engine, list(promises)
        self.spec, self.backend, self.graph = engine.spec, engine.backend, engine.graph
        self.device, self.dtype = engine.device, engine.dtype
        self.semantics, self.optimize = engine.semantics, engine.target.optimize
        self.seed, self.metrics = engine.seed, engine.metrics
        self.schedule = engine.schedule

    # --- programs ----------------------------------------------------------------

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
        """The inference program, as text: batch norms are folded into the layers in
        front of them, and random layers are gone."""
        return self.inference_program.source

    @property
    def native(self) -> Native:
        """The framework's own object: an ``nn.Module``, a ``tf.keras.Model``, …

        It is made anew when targets or sample weights of another kind come in
        (probabilities instead of labels), since the program changes with them.
        """
        return self.engine.hand_out()

    # --- where training stands ---------------------------------------------------

    @property
    def steps_done(self) -> int:
        """Optimizer steps taken. The random numbers of the next step follow from it."""
        return self.engine.steps_done

    @steps_done.setter
    def steps_done(self, value: int) -> None:
        self.engine.steps_done = value

    @property
    def epoch(self) -> int:
        """Whole epochs shown by ``fit``."""
        return self.engine.epoch

    @property
    def learning_rate(self) -> float:
        """That of the next step; a schedule moves it in ``fit``."""
        return self.engine.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.engine.learning_rate = value

    @property
    def preprocessing(self) -> Sequence[Augmentation]:
        """What ``predict`` and ``evaluate`` apply to samples (``normalize``); ``fit``
        sets it to what the training data went through."""
        return self.engine.preprocessing

    @preprocessing.setter
    def preprocessing(self, value: Sequence[Augmentation]) -> None:
        self.engine.preprocessing = tuple(value)

    # --- weights and state -------------------------------------------------------

    def weights(self) -> dict[str, Array]:
        """All weights and running statistics: canonical names, layouts, copies."""
        return self.engine.weights()

    def inference_weights(self) -> dict[str, Array]:
        """The weights that prediction uses: with ``ema``, the EMA of the trained."""
        return self.engine.inference_weights()

    def load_weights(self, source: Mapping[str, Array] | str | Path) -> None:
        """Load weights from a mapping or a safetensors file; all or nothing. The EMA
        (``ema``) begins at them.

        ``WeightsError`` lists every missing, extra or misshapen entry.
        """
        if isinstance(source, (str, Path)):
            self.engine.load_weights(weight_files.load(source), str(source))
        else:
            self.engine.load_weights(source)

    def save_weights(self, path: str | Path) -> None:
        """Write a safetensors file, which is also a PyTorch ``state_dict``."""
        weight_files.save(path, self.weights(), spec=self.spec.hash)

    def training_state(self) -> dict[str, Array]:
        """What training keeps besides weights: ``<parameter>/<state>``, by PyTorch's
        names (``exp_avg``, ``momentum_buffer``) and meaning; ``average`` with ema."""
        return self.engine.session.training_state()

    def load_training_state(
        self, state: Mapping[str, Array], step: int, epoch: int
    ) -> None:
        """Go on from the state that this or another backend had at that step."""
        self.engine.load_training_state(state, step, epoch)

    # --- use ---------------------------------------------------------------------

    def predict(self, x: Data, batch_size: int = 256, layout: str = "NCHW") -> Any:
        """Outputs for samples ``x`` (N, C, H, W), or a list of arrays per input.

        NumPy in, NumPy out; a list of arrays where the model has several outputs.
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
        """Loss and metrics over a whole set: ``{"loss": …, "accuracy": …}``.

        The loss is the mean over samples, weighted by ``sample_weight`` (N,) and the
        loss's class weights; metrics count every sample alike. ``x`` may be a
        ``polyframe.data`` data set: its test data, or where there are none its training
        data.
        """
        if isinstance(x, Dataset):
            return self.engine.measure(
                EvaluationData.of_split(self.engine, x.test or x.train)
            )
        return self.engine.measure(
            EvaluationData.of(self.engine, x, y, sample_weight, layout, batch_size)
        )

    def loss(
        self,
        x: Data,
        y: Data,
        sample_weight: Data | None = None,
        layout: str = "NCHW",
    ) -> Any:
        """The loss that ``evaluate`` gives, a float; nothing is trained. Where the
        losses have reduction="none", each sample's, (N,)."""
        data = EvaluationData.of(self.engine, x, y, sample_weight, layout)
        return self.engine.loss(data)

    def train_step(
        self,
        x: Data,
        y: Data,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
    ) -> float:
        """One optimizer step on one batch; the batch's mean loss."""
        engine = self.engine
        batch = engine.check_batch((x, y, sample_weight), layout)
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
        validation_data: ValidationData = None,
        callbacks: Sequence[Callback | CallbackSpec | str | Mapping[str, Any]] = (),
        shuffle: bool = True,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
        augmentation: Sequence[Augmentation | str | Mapping[str, Any]] = (),
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
            self, x, y, epochs=epochs, batch_size=batch_size,
            validation_data=validation_data, callbacks=callbacks, shuffle=shuffle,
            layout=layout, sample_weight=sample_weight, augmentation=augmentation,
            steps_per_epoch=steps_per_epoch, resume=resume, folder=folder,
        )  # fmt: skip

    # --- looking inside ----------------------------------------------------------

    def gradients(
        self,
        x: Data,
        y: Data,
        layout: str = "NCHW",
        sample_weight: Data | None = None,
    ) -> dict[str, Array]:
        """The gradients of the mean loss, by canonical name, of frozen layers too;
        changes no state."""
        step, batch = self._looked_at((x, y, sample_weight), layout)
        return self.engine.inspector.gradients(step, batch, self.weights())

    def output_gradients(
        self, x: Data, y: Data, layout: str = "NCHW"
    ) -> dict[str, Array]:
        """The gradient of the mean loss in every node's output and every input, by path,
        (C, H, W): summed over the samples; changes no state."""
        step, batch = self._looked_at((x, y, None), layout)
        return self.engine.inspector.output_gradients(step, batch, self.weights())

    def _looked_at(self, batch: object, layout: str) -> tuple[TrainingSpec, Batch]:
        """A checked batch, and the step that is written for its kind of targets."""
        engine = self.engine
        checked = engine.check_batch(batch, layout)
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
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        return engine.inspector.activations(
            engine.program_session.arrange(inputs), training, self.weights(),
            self.steps_done,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"<{self.spec.name} on {self.backend.title}, {self.device}, {self.dtype}>"
        )

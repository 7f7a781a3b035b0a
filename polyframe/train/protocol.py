"""What training needs of a model, as protocols; ``polyframe.model`` implements them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from polyframe.compiler.program import Program
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.backend import Backend
from polyframe.contract.devices import Device
from polyframe.contract.session import Native, StagedBatch, TrainingSession
from polyframe.io.array import Array
from polyframe.io.fitting import LoadReport
from polyframe.spec.augmentations import Augmentation
from polyframe.spec.losses import OutputWeights
from polyframe.spec.model import ModelSpec
from polyframe.spec.schedules import Schedule
from polyframe.spec.semantics import Semantics
from polyframe.spec.settings import Training
from polyframe.spec.totals import BoundMetric, Row
from polyframe.spec.typed import TypedGraph
from polyframe.train.arrays import Data
from polyframe.train.feed import Batch, HostBatch

Rate = Callable[[float, int, Sequence[Row]], float]
"""The learning rate by (epochs done, last epoch, rows of the history)."""


class TrainingEngine(Protocol):
    """What the loop, ``fit`` and checkpoints need: a session, and its progress."""

    steps_done: int
    """Optimizer steps taken, over the whole training."""
    epoch: int
    """Whole epochs done."""
    learning_rate: float
    """That of the next step."""
    rate_was_set: bool
    """Whether the user has set it since the last step that a schedule had its say in."""
    preprocessing: Sequence[Augmentation]
    """What the model applies to samples; it belongs to its weights."""
    class_names: Sequence[str]
    """The names of the classes, where the data have told them."""

    @property
    def spec(self) -> ModelSpec:
        """The spec that is trained."""

    @property
    def backend(self) -> Backend:
        """Where it is trained."""

    @property
    def graph(self) -> TypedGraph:
        """The typed graph: names and shapes of inputs, outputs and parameters."""

    @property
    def dtype(self) -> str:
        """That of weights and samples."""

    @property
    def seed(self) -> int:
        """What all random numbers are keyed by."""

    @property
    def semantics(self) -> Semantics:
        """ "aligned", "native", or the aspects that are native."""

    @property
    def objective(self) -> TrainingSpec:
        """The losses, the optimizer and the settings of the step."""

    @property
    def session(self) -> TrainingSession:
        """The training program, opened."""

    @property
    def bound_metrics(self) -> list[BoundMetric]:
        """The metrics, and the outputs that they belong to."""

    @property
    def training(self) -> Training:
        """Clipping, accumulation, EMA, freezing, precision."""

    @property
    def weighted(self) -> bool:
        """Whether samples have weights, of their own or of their class."""

    @property
    def schedule(self) -> Schedule | None:
        """The learning rate's schedule, as data."""

    @property
    def rate(self) -> Rate | None:
        """The learning rate's schedule; None leaves the rate alone."""

    def adapt(self, targets: Sequence[Array], weighted: bool) -> None:
        """Write the program for targets of this kind (labels, probabilities) and for
        sample weights, if it is not already."""

    def enter(self, epoch: int) -> None:
        """Go on after that many epochs, with the layers that are trained then."""

    def preprocess(self, inputs: Sequence[Array]) -> list[Array]:
        """Samples with the preprocessing applied, in the model's dtype."""

    def check_targets(
        self, y: Data | None, count: int, layout: str = "NCHW"
    ) -> list[Array]:
        """One checked array of targets for each output."""

    def check_batch(self, batch: object, layout: str) -> HostBatch:
        """One checked batch from (x, y) or (x, y, sample_weight)."""

    def sample_weights_of(
        self, targets: Sequence[Array], given: Array | None
    ) -> list[OutputWeights]:
        """Each output's sample weights."""

    def stage(self, batch: Batch) -> StagedBatch:
        """A batch with the random numbers of its step, on the device."""

    def advance(self, batch: StagedBatch, last: bool) -> tuple[Native, Native]:
        """A staged batch's share of a step; handles of the loss and the outputs."""

    def measure(self, batches: Iterable[Sequence[Array]]) -> Row:
        """Loss and metrics over batches of inputs, targets and, if there are any, sample
        weights."""

    def inspect(self, batch: Batch) -> tuple[dict[str, Array], dict[str, Array]]:
        """The (activations, gradients) of a batch at the current weights."""

    def load_weights(
        self, arrays: Mapping[str, Array], where: str = "weights"
    ) -> LoadReport:
        """Load canonical weights, all or nothing; WeightsError names ``where``."""

    def load_training_state(
        self,
        state: Mapping[str, Array],
        step: int,
        epoch: int,
        where: str = "training state",
    ) -> None:
        """Continue from the state that training had after that step."""

    def rewind(
        self,
        weights: Mapping[str, Array],
        state: Mapping[str, Array],
        step: int,
    ) -> None:
        """Back to weights and state of this training, as they were after that step."""


class TrainedModel(Protocol):
    """The model that callbacks are given. ``polyframe.Model`` has more members: these are
    the ones that polyframe's own callbacks use."""

    learning_rate: float
    """That of the next step; a callback may change it where there is no schedule."""

    @property
    def steps_done(self) -> int:
        """Optimizer steps taken, over the whole training."""

    @property
    def epoch(self) -> int:
        """Whole epochs done."""

    @property
    def spec(self) -> ModelSpec:
        """The spec that is trained."""

    @property
    def backend(self) -> Backend:
        """Where it is trained."""

    @property
    def graph(self) -> TypedGraph:
        """The typed graph."""

    @property
    def program(self) -> Program:
        """The training program."""

    @property
    def source(self) -> str:
        """Its text."""

    @property
    def device(self) -> Device:
        """Where it runs."""

    @property
    def dtype(self) -> str:
        """That of weights and samples."""

    @property
    def optimize(self) -> bool:
        """Whether exact rewrites were applied."""

    @property
    def engine(self) -> TrainingEngine:
        """What the loop drives."""

    def weights(self) -> dict[str, Array]:
        """All weights and running statistics by canonical name; copies."""

    def inference_weights(self) -> dict[str, Array]:
        """The weights that prediction uses: with ``ema``, the EMA of the weights."""

    def training_state(self) -> dict[str, Array]:
        """The optimizer's arrays and the EMA, by ``<parameter>/<state>``."""

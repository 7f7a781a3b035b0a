"""A whole training from a recipe: data, model, loop, run folder.

``polyframe train`` is a thin command over ``train``:

    from polyframe.run.train import train
    result = train(pf.load_recipe("digits_cnn"), "torch")
    result.path, result.test["accuracy"], result.model
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from polyframe.contract import registry
from polyframe.data import Dataset, at_rest, load, options_of
from polyframe.data.arrays import layout_for
from polyframe.data.synthetic import options_for
from polyframe.errors import DataError, PolyframeError, RecipeError
from polyframe.io.cards import Card, Displayed
from polyframe.io.lock import check_unlocked
from polyframe.io.shown import shown_all
from polyframe.model.compile import compile
from polyframe.model.model import Model
from polyframe.run.folder import RunFolder, check_free, last_run
from polyframe.run.split import evaluate, with_data
from polyframe.spec import shipped
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.layers.base import Shape
from polyframe.spec.recipe import ALWAYS, Recipe
from polyframe.spec.safety import ModelCheckpoint
from polyframe.train.arrays import channels_last
from polyframe.train.callbacks.base import Callback, Plan
from polyframe.train.callbacks.model_checkpoint import Checkpointer
from polyframe.train.callbacks.start import start
from polyframe.train.card import card
from polyframe.train.checkpoint import FOLDER as CHECKPOINTS
from polyframe.train.checkpoint import checkpoints_in
from polyframe.train.checks import check_task
from polyframe.train.progress import Progress
from polyframe.train.protocol import TrainedModel

CHANNELS_LAST = "layout: NHWC, an option of the data, says that channels come last"


@dataclass(frozen=True)
class RunResult(Displayed):
    """The result of a training, which shows itself in a notebook. ``history`` has a row
    for each epoch, with ``val_loss``, … where there are validation data; ``test`` has loss
    and metrics on the test data, which are evaluated once, after the last epoch (empty
    without test data); ``program`` is the file with the native program that ran."""

    path: Path
    program: Path
    status: str
    history: list[dict[str, float]]
    test: dict[str, float]
    seconds: float
    stopped: str | None  # why it ended before the last epoch, if it did
    classes: tuple[str, ...]
    model: Model | None  # None where nothing was left to do

    def _card(self) -> Card:
        shown = card("Run", self.history, self.stopped)
        facts = {
            "Folder": str(self.path),
            "Program": str(self.program),
            "Seconds": f"{self.seconds:,.1f}",
            **({"Test": shown_all(self.test)} if self.test else {}),
        }
        return replace(shown, verdict=(self.status, self.status == "done"), facts=facts)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a training; ``result`` is what its run folder now holds."""

    def __init__(self, result: RunResult) -> None:
        super().__init__("interrupted")
        self.result = result


def train(
    recipe: Recipe,
    backend: str,
    out: str | Path | None = None,
    optimize: bool = True,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    deterministic: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> RunResult:
    """Train a recipe on one backend and keep a run folder.

    ``out`` is the run folder, new or empty; left out, it is
    ``runs/<name>/<backend>/<n>/``. What is wrong before the first step raises and
    leaves no folder; what fails later is kept as ``"status": "failed"``. Ctrl-C ends
    the training after a whole step and raises ``Interrupted``; a second one at once.

    ``resume`` goes on from the newest checkpoint in the folder (left out: the one with
    the highest number), bit for bit as if it had not stopped, on this or another
    backend; it starts where nothing is saved and does nothing on a finished run.
    ``say`` is called with messages for the user. While it trains the folder is locked:
    another training in it raises ``LockedError``.

    Validation data are the data set's own, or those that the recipe's ``split`` takes from
    its training data: a fifth, which ``say`` is told, where a callback or the schedule
    monitors validation and there are none. The test data choose nothing.
    """
    # Errors that need no data come before data are downloaded.
    registry.require(registry.get(backend), "train")
    if resume and out is None:
        out = last_run(recipe, backend)
    if out is not None:
        check_unlocked(Path(out))  # that is the reason why it is not empty
    check_free(None if out is None else Path(out), resume)
    data = load_data(recipe)
    check_fit(recipe, data)
    note_outputs(recipe, data, say)
    recipe = with_data(recipe, data, say)
    folder = RunFolder(recipe, backend, out, resume, data.classes)
    if resume:
        finished = folder.finished()
        if finished is not None:
            say(f"{folder.out} is finished; nothing is left to do")
            return outcome(folder, finished, None)
    model = compile_recipe(recipe, backend, optimize, deterministic)
    for promise in model.promises:
        say(f"--deterministic on {model.backend.title}: {promise}")
    if not (resume and folder.out and checkpoints_in(folder.out / CHECKPOINTS)):
        load_initial_weights(recipe, model, say)
    with between_steps() as stop, warnings.catch_warnings(), ExitStack() as claims:
        warnings.showwarning = lambda message, *details: say(str(message))
        warnings.filterwarnings("always", module="polyframe")  # whatever -W says
        claims.callback(folder.abandon)  # after the lock is released
        path = claims.enter_context(folder.claimed())
        saved = path / CHECKPOINTS
        watchers: Sequence[Callback] = ()
        try:
            watchers = start(
                [
                    Checkpointer(each, path, lambda: stop.requested)
                    if isinstance(each, ModelCheckpoint)
                    else each
                    for each in with_always(recipe.callbacks)
                ],
                path,
            )
            history = model.fit(
                data,
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                callbacks=[folder, *watchers, *callbacks, stop],
                augmentation=recipe.augmentation,
                resume=saved if resume and checkpoints_in(saved) else None,
                validation_split=recipe.split,
                validation_batch_size=recipe.validation_batch_size,
                drop_last=recipe.drop_last,
                verbose=0,  # whoever runs it watches with callbacks
            )
            test = {} if data.test is None else evaluate(model, recipe, data)[-1]
        except BaseException as error:
            if folder.trained is None:  # nothing of this training is written yet
                raise
            if isinstance(error, KeyboardInterrupt):
                result = folder.finish("interrupted", best_of(watchers))
                raise Interrupted(outcome(folder, result, model)) from None
            with suppress(PolyframeError):  # a full disk, say: the first error counts
                text = f"{type(error).__name__}: {error}"
                folder.finish("failed", best_of(watchers), error=text)
            raise
        result = folder.finish("done", best_of(watchers), history.stopped, test=test)
    return outcome(folder, result, model)


def best_of(callbacks: Sequence[Callback]) -> Sequence[float]:
    """The best (value, epoch) that a run's checkpoints know; empty without any."""
    known = [each.best for each in callbacks if isinstance(each, Checkpointer)]
    return known[-1] if known else ()


def with_always(callbacks: Sequence[CallbackSpec]) -> list[CallbackSpec]:
    """A recipe's callbacks, and the ones that every run has."""
    own = {callback.type for callback in callbacks}
    return [*callbacks, *(each for each in ALWAYS if each.type not in own)]


def compile_recipe(
    recipe: Recipe, backend: str, optimize: bool = True, deterministic: bool = False
) -> Model:
    """A recipe's model on a backend, with all that it says of training."""
    return compile(
        recipe.model,
        backend,
        recipe.loss,
        recipe.optimizer,
        recipe.metrics,
        dtype=recipe.dtype,
        device=recipe.device,
        seed=recipe.seed,
        semantics=recipe.semantics,
        optimize=optimize,
        schedule=recipe.schedule,
        deterministic=deterministic,
        **recipe.training.options(),
    )


def load_initial_weights(
    recipe: Recipe, model: Model, say: Callable[[str], None]
) -> None:
    """Load the weights from which the recipe's training starts, if it names any."""
    start = recipe.initial_weights
    if start is None:
        return
    model.preprocessing = at_rest(recipe.augmentation)  # a file may have another one
    report = model.load_weights(start.file, start.strict, start.rename or None)
    for line in str(report).splitlines():
        say(f"{start.file}: {line.strip()}")


def outcome(
    folder: RunFolder, result: Mapping[str, Any], model: Model | None
) -> RunResult:
    """The result of a training, from the content of its result.json."""
    return RunResult(
        folder.folder,
        folder.program_path,
        result["status"],
        result["history"],
        result["test"],
        result["seconds"],
        result.get("stopped"),
        folder.classes,
        model,
    )


class Stop(Callback):
    """Ends a training between two steps, so that the weights are those of a step."""

    requested = False
    epochs = 0
    tolerates_delay = True

    def on_fit_begin(self, model: TrainedModel, plan: Plan) -> None:
        """Know the last epoch: after it nothing is left to interrupt."""
        self.epochs = plan.epochs

    def wants_pause(self, step: int) -> bool:
        """As soon as it is requested."""
        return self.requested

    def on_pause(self, model: TrainedModel, progress: Callable[[], Progress]) -> None:
        """End the training; all other callbacks, the checkpoint too, have run."""
        if self.requested and model.epoch < self.epochs:
            raise KeyboardInterrupt


@contextmanager
def between_steps() -> Iterator[Stop]:
    """Delay the first Ctrl-C to the end of a step; the second interrupts at once."""
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    # A background process ignores Ctrl-C, and only the main thread may set a handler.
    handles = (
        before is signal.default_int_handler
        and threading.current_thread() is threading.main_thread()
    )

    def handle(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, before)

    if handles:
        signal.signal(signal.SIGINT, handle)
    try:
        yield stop
    finally:
        if handles:
            signal.signal(signal.SIGINT, before)


# --- data ------------------------------------------------------------------------


def load_data(recipe: Recipe) -> Dataset:
    """The recipe's data set. Synthetic data fit the model and the loss, arrays of signals
    or volumes are read as such, and all take the loss's ``ignore_index``, where the recipe
    does not say otherwise."""
    name = recipe.data["name"]
    options = {key: value for key, value in recipe.data.items() if key != "name"}
    if name == "synthetic":
        options = options_for(options, recipe.loss, *shapes(recipe))
    known = options_of(name)
    if "layout" in known:
        rank = len(shapes(recipe)[0])
        options["layout"] = layout_for(options.get("layout", "NCHW"), rank)
    ignored = recipe.loss.ignored_label
    if ignored is not None and "ignore_index" in known:
        options.setdefault("ignore_index", ignored)
    data = load(name, **options)
    return (
        data if data.ignore_index is not None else replace(data, ignore_index=ignored)
    )


def shapes(recipe: Recipe) -> tuple[Shape, Shape]:
    """The shapes of the model's one input and one output."""
    graph = recipe.model.infer()
    for what, count in (("inputs", graph.inputs), ("outputs", graph.output_shapes)):
        if len(count) != 1:
            raise RecipeError(
                f"{recipe.model.name} has {len(count)} {what}; data sets are for "
                "models of one input and one output",
                where="model",
                hint="from Python, Model.fit takes lists of arrays",
            )
    return graph.inputs[0][1], graph.output_shapes[0]


def check_fit(recipe: Recipe, data: Dataset) -> None:
    """DataError unless data, model and loss fit together."""
    x, y = shapes(recipe)
    where = f"data ({data.name})"
    recipe.loss.check(y)
    if data.input_shape != x:
        raise DataError(
            f"a sample is {data.input_shape}, but {recipe.model.name} takes {x}",
            where=where,
            hint=CHANNELS_LAST
            if channels_last(data.input_shape, x)
            else fitting(recipe, data.input_shape),
        )
    check_task(data, recipe.loss, y, where)


def fitting(recipe: Recipe, shape: Shape) -> str:
    """What fits a recipe's model to samples of a shape, or samples to the model."""
    name = recipe.model.infer().inputs[0][0]
    known = recipe.model.name in shipped.names("model")
    key = "input_shape" if known else f"inputs.{name}"
    value = str(list(shape)).replace(" ", "")
    convert = "size" in options_of(recipe.data["name"])
    return "; ".join(
        [
            f"--set model.{key}={value} changes the model",
            *["size and channels, options of the data, convert images"] * convert,
            "--set data=synthetic makes up data that fit",
        ]
    )


def note_outputs(recipe: Recipe, data: Dataset, say: Callable[[str], None]) -> None:
    """Say so where the model has outputs for more classes than the data."""
    outputs, classes = shapes(recipe)[1][0], data.num_classes or 0
    if recipe.loss.labels and 1 < classes < outputs:
        say(
            f"{data.name} has {classes} classes, but {recipe.model.name} has {outputs} "
            "outputs: `predict` will not know their names"
            + f" (--set model.num_classes={classes})"
            * (recipe.model.name in shipped.names("model"))
        )

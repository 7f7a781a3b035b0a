"""``compile``: a spec and a backend become a model that trains and predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from polyframe import registry
from polyframe import weights as weight_files
from polyframe.backend import Backend, Session
from polyframe.batches import Batches, check_labels, prepare, sequence
from polyframe.compiler.modules import program_errors
from polyframe.compiler.passes import INFERENCE, TRAINING, rewrite
from polyframe.compiler.program import Program
from polyframe.compiler.steps import Step
from polyframe.compiler.table import Target
from polyframe.errors import BackendError, PolyframeError
from polyframe.randomness import draw, initial_weights, native_seed
from polyframe.spec.element import brief
from polyframe.spec.graph import ModelSpec
from polyframe.spec.layers import BatchNorm
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.optimizers import Adam, Optimizer
from polyframe.spec.recipe import DTYPE, SEED, SEMANTICS, parse_metrics
from polyframe.spec.text import load_spec
from polyframe.spec.typed import TypedGraph, TypedNode, flatten
from polyframe.train.history import History, Totals


def compile(
    spec: ModelSpec | str | Path,
    backend: str = "torch",
    loss: Loss | str | Mapping[str, Any] | None = None,
    optimizer: Optimizer | str | Mapping[str, Any] | None = None,
    metrics: Sequence[Metric | str] = (),
    dtype: str = "float32",
    device: str = "auto",
    seed: int = 0,
    semantics: str = "aligned",
    optimize: bool = True,
    forms: Mapping[str, str] | None = None,
) -> Model:
    """A spec as a running model on one backend.

    - ``spec``: a ``ModelSpec``, or what ``load_spec`` takes (a path, a shipped name).
    - ``backend``: "torch", "tensorflow", "mxnet", or any that is installed.
    - ``loss``: an object or its name; None makes a model that only predicts.
    - ``optimizer``: an object or its name; Adam where there is a loss and nothing else.
    - ``device``: "auto" takes the GPU that the framework sees, else "cpu", "gpu:1", ….
    - ``semantics``: "aligned" resolves UNSET fields alike everywhere, "native" to each
      framework's own defaults.
    - ``optimize``: apply the exact rewrites; False gives the idiomatic program.
    - ``forms``: layer → the form of its entry to write wherever it holds, instead of
      the first that does; for conformance tests, which run every form.

    Raises ``BackendError`` if the backend is not usable, ``UnsupportedError`` listing
    every node that it cannot run, ``SpecError`` if the loss does not fit the output.
    """
    spec = load_spec(spec)
    loss = None if loss is None else Loss.parse(loss)
    chosen = Optimizer.parse(optimizer) if optimizer is not None else Adam()
    for name, kind, value in (
        ("dtype", DTYPE, dtype),
        ("seed", SEED, seed),
        ("semantics", SEMANTICS, semantics),
    ):
        try:
            kind.check(value)
        except ValueError:
            message = f"{name} is {brief(value)}; {kind.allowed} is needed"
            raise PolyframeError(message, where="compile") from None
    found = registry.get(backend)
    probe = found.probe()
    if not probe.usable:
        raise BackendError(
            f"{found.title} is not usable: {probe.problem}",
            where=backend,
            hint=f"install it with: {found.install}",
        )
    device = found.resolve_device(device)
    return Model(
        spec, found, loss, chosen, parse_metrics(list(metrics)), dtype, device, seed,
        semantics, optimize, forms or {},
    )  # fmt: skip


def write_programs(
    spec: ModelSpec,
    backend: Backend,
    loss: Loss | None,
    optimizer: Optimizer,
    target: Target,
    optimize: bool,
) -> tuple[Program, TypedGraph]:
    """The program of a spec and the typed graph it was written from; no framework is
    needed for that."""
    defaults = backend.defaults if target.semantics == "native" else {}
    graph = spec.infer(defaults)
    step = None
    if loss is not None:
        for shape in graph.output_shapes:
            loss.check(shape)
        step = Step(loss.resolve(defaults), optimizer.resolve(defaults))
    passes = TRAINING if target.training else INFERENCE
    rewritten = rewrite(graph, passes) if optimize else graph
    return backend.write(rewritten, target, step), graph


class Model:
    """A spec on a backend: train it, ask it, look into it. Made by ``compile``."""

    def __init__(
        self,
        spec: ModelSpec,
        backend: Backend,
        loss: Loss | None,
        optimizer: Optimizer,
        metrics: tuple[Metric, ...],
        dtype: str,
        device: str,
        seed: int,
        semantics: str,
        optimize: bool,
        forms: Mapping[str, str],
    ) -> None:
        self.spec, self.backend, self.loss, self.metrics = spec, backend, loss, metrics
        self.dtype, self.device, self.seed = dtype, device, seed
        self.semantics, self.optimize = semantics, optimize
        kind = "cpu" if "cpu" in device.lower() else "gpu"
        self.target = Target(dtype, kind, semantics, loss is not None, forms)
        self.inference_target = replace(self.target, training=False)
        self.optimizer = optimizer
        self.program, self.graph = write_programs(
            spec, backend, loss, optimizer, self.target, optimize
        )
        defaults = backend.defaults if semantics == "native" else {}
        self.learning_rate = float(optimizer.resolve(defaults).lr)
        self.step = 0  # optimizer steps taken
        self.epoch = 0  # whole epochs shown by fit
        self.random = [n for n in flatten(self.graph).nodes if n.layer.random]
        self.session = self._open(self.program, self.target)
        self._load(initial_weights(self.graph.parameters, seed, dtype))

    # --- programs and sessions ---------------------------------------------------

    def _open(self, program: Program, target: Target) -> Session:
        shapes = [shape for _, shape in self.graph.inputs]
        return self.backend.open(program, target, self.device, shapes)

    @property
    def source(self) -> str:
        """The training program (without a loss, the model alone), as text."""
        return self.program.source

    @cached_property
    def inference_program(self) -> Program:
        """The program that ``predict`` and ``evaluate`` run."""
        return write_programs(
            self.spec, self.backend, None, self.optimizer, self.inference_target,
            self.optimize,
        )[0]  # fmt: skip

    @property
    def inference_source(self) -> str:
        """The inference program, as text."""
        return self.inference_program.source

    @property
    def native(self) -> Any:
        """The framework's own object: an ``nn.Module``, a ``tf.keras.Model``, …"""
        return self.session.native

    @cached_property
    def _inference(self) -> Session:
        return self._open(self.inference_program, self.inference_target)

    def _predictor(self) -> Session:
        """The inference session, with the weights of this moment."""
        if self.loss is None:
            return self.session
        session = self._inference
        session.set_weights(self.session.weights())
        return session

    # --- weights -----------------------------------------------------------------

    def weights(self) -> dict[str, np.ndarray]:
        """All weights and running statistics: canonical names, layouts, copies."""
        return self.session.weights()

    def load_weights(self, source: Mapping[str, np.ndarray] | str | Path) -> None:
        """Load weights from a mapping or a safetensors file; all or nothing.

        ``WeightsError`` lists every missing, extra or misshapen entry.
        """
        where = "weights"
        if isinstance(source, (str, Path)):
            where, source = str(source), weight_files.load(source)
        self._load(weight_files.check(source, self.graph.parameters, self.dtype, where))

    def _load(self, weights: Mapping[str, np.ndarray]) -> None:
        self.session.set_weights(weights)

    def save_weights(self, path: str | Path) -> None:
        """Write a safetensors file, which is also a PyTorch ``state_dict``."""
        weight_files.save(path, self.weights(), spec=self.spec.hash)

    # --- use ---------------------------------------------------------------------

    def predict(self, x: Any, batch_size: int = 256, layout: str = "NCHW") -> Any:
        """Outputs for samples ``x`` (N, C, H, W), or a list of arrays per input.

        NumPy in, NumPy out; a list of arrays where the model has several outputs.
        """
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        session = self._predictor()
        inputs = session.arrange(inputs)
        parts = [self._run(session, batch) for batch in Batches(inputs, batch_size)]
        outputs = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return outputs if len(outputs) > 1 else outputs[0]

    def _run(self, session: Session, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        with program_errors(self.spec.name, self.backend.title):
            return session.forward(inputs)

    def evaluate(
        self, x: Any, y: Any, batch_size: int = 256, layout: str = "NCHW"
    ) -> dict[str, float]:
        """Loss and metrics over a whole set: ``{"loss": …, "accuracy": …}``."""
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        return self.measure(inputs, self._targets(y, len(inputs[0])), batch_size)

    def measure(
        self,
        inputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        batch_size: int = 256,
    ) -> dict[str, float]:
        """Loss and metrics over prepared arrays."""
        session, loss = self._predictor(), self._needs_loss()
        totals = Totals(self.metrics)
        size = len(self.graph.inputs)
        inputs = session.arrange(inputs)
        for batch in Batches([*inputs, *targets], batch_size):
            outputs, wanted = self._run(session, batch[:size]), batch[size:]
            losses = sum(
                loss.define(o.astype(np.float64), t).sum()
                for o, t in zip(outputs, wanted, strict=True)
            )
            totals.add(float(losses), len(batch[0]), outputs, wanted)
        return totals.values()

    def _targets(self, y: Any, count: int) -> list[np.ndarray]:
        loss = self._needs_loss()
        shapes = self.graph.output_shapes
        found = sequence(y, len(shapes), "y")
        return [
            check_labels(target, shape, count, loss, self.dtype)
            for target, shape in zip(found, shapes, strict=True)
        ]

    def _needs_loss(self) -> Loss:
        if self.loss is None:
            raise PolyframeError(
                "this model has no loss", hint='pf.compile(…, loss="cross_entropy")'
            )
        return self.loss

    def train_step(self, x: Any, y: Any, layout: str = "NCHW") -> float:
        """One optimizer step on one batch; the batch's mean loss."""
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        targets = self._targets(y, len(inputs[0]))
        arrange = self.session.arrange
        batch = self.stage(arrange(inputs), arrange(targets), self.step)
        loss, _ = self.advance(batch)
        return self.session.read(loss).item()

    def stage(
        self, inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], step: int
    ) -> Any:
        """A batch of arranged arrays, with the draws of that step, on the device."""
        count = len(inputs[0])
        if count == 1:
            self._check_single()
        draws = self._draws(self.program.draws, count, step)
        return self.session.stage(inputs, targets, self.session.arrange(draws), count)

    def advance(self, batch: Any) -> tuple[Any, Any]:
        """One step on a staged batch; handles of the loss and the outputs."""
        if self.semantics == "native":
            self.session.seed(native_seed(self.seed, self.step))
        with program_errors(self.spec.name, self.backend.title):
            found = self.session.train(batch, self.learning_rate)
        self.step += 1
        return found

    def _check_single(self) -> None:
        for node in self.graph.walk():
            if isinstance(node.layer, BatchNorm) and np.prod(node.shape[1:]) == 1:
                raise PolyframeError(
                    "batch norm needs more than one value per channel to train on, "
                    "and this batch has one sample",
                    where=node.path,
                    hint="a batch size that does not leave a single sample over",
                )

    def _draws(self, paths: Sequence[str], count: int, step: int) -> list[np.ndarray]:
        """The factors of the random layers for one step, in the program's order."""
        nodes: dict[str, TypedNode] = {node.path: node for node in self.random}
        return [
            draw(
                nodes[path].layer,
                nodes[path].in_shapes,
                (self.seed, "draw", step, path),
                0,
                count,
                self.dtype,
            )
            for path in paths
        ]

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Sequence[Any] = (),
        shuffle: bool = True,
        layout: str = "NCHW",
    ) -> History:
        """Train; one row of losses and metrics an epoch in the history returned.

        ``validation_data`` is (x, y); ``callbacks`` see each step and each epoch
        (``polyframe.train.Callback``).
        """
        from polyframe.train.loop import fit

        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        targets = self._targets(y, len(inputs[0]))
        validation = None
        if validation_data is not None:
            held = prepare(self.graph.inputs, validation_data[0], self.dtype, layout)
            wanted = self._targets(validation_data[1], len(held[0]))
            validation = (held, wanted)
        return fit(
            self, inputs, targets, epochs, batch_size, validation, callbacks, shuffle
        )

    # --- looking inside ----------------------------------------------------------

    @cached_property
    def _plain(self) -> tuple[Session, Program]:
        """The training program without rewrites, for looking at gradients."""
        program, _ = write_programs(
            self.spec, self.backend, self.loss, self.optimizer, self.target, False
        )
        return self._open(program, self.target), program

    def gradients(self, x: Any, y: Any, layout: str = "NCHW") -> dict[str, np.ndarray]:
        """The gradients of the mean loss, by canonical name; changes no state."""
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        targets = self._targets(y, len(inputs[0]))
        session, program = self._plain
        session.set_weights(self.weights())
        count = len(inputs[0])
        draws = self._draws(program.draws, count, self.step)
        batch = [session.arrange(arrays) for arrays in (inputs, targets, draws)]
        with program_errors(self.spec.name, self.backend.title):
            return session.loss_and_gradients(batch[0], batch[1], batch[2], count)[2]

    def activations(
        self, x: Any, training: bool = False, layout: str = "NCHW"
    ) -> dict[str, np.ndarray]:
        """Every node's output by its path, (N, C, H, W); changes no state.

        In training mode batch norm uses the batch's statistics, and random layers the
        draws of the next step.
        """
        inputs = prepare(self.graph.inputs, x, self.dtype, layout)
        session, program, names = self._taps(training)
        session.set_weights(self.weights())
        draws = self._draws(program.draws, len(inputs[0]), self.step)
        with program_errors(self.spec.name, self.backend.title):
            arranged = session.arrange(inputs), session.arrange(draws)
            outputs = session.forward(*arranged, training)
        return dict(zip(names, outputs, strict=True))

    def _taps(self, training: bool) -> tuple[Session, Program, list[str]]:
        """The program without rewrites and blocks whose outputs are all nodes."""
        cache = self.__dict__.setdefault("_tapped", {})
        if training not in cache:
            flat = flatten(self.graph)
            names = [node.name for node in flat.nodes]
            flat = replace(flat, outputs=tuple(names))
            target = replace(self.target, training=training)
            program = self.backend.write(flat, target, None)
            cache[training] = self._open(program, target), program, names
        found: tuple[Session, Program, list[str]] = cache[training]
        return found

    def __repr__(self) -> str:
        return (
            f"<{self.spec.name} on {self.backend.title}, {self.device}, {self.dtype}>"
        )

"""``compile``: a spec and a backend become a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from polyframe.compiler.table import Target
from polyframe.contract.backend import Backend
from polyframe.contract.devices import names_a_gpu
from polyframe.contract.programs import make_step
from polyframe.contract.registry import get, require
from polyframe.errors import BackendError, PolyframeError, did_you_mean
from polyframe.model.engine import Engine
from polyframe.model.model import Model
from polyframe.spec.load import load_spec
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Adam, Optimizer
from polyframe.spec.recipe import parse_metrics
from polyframe.spec.schedules import Schedule
from polyframe.spec.settings import Training, TrainingOptions, check_setting

LossArgument = Loss | str | Mapping[str, Any] | Sequence[Any] | None


def compile(
    spec: ModelSpec | str | Path,
    backend: str | Backend = "torch",
    loss: LossArgument = None,
    optimizer: Optimizer | str | Mapping[str, Any] | None = None,
    metrics: Sequence[Metric | str] = (),
    *,
    dtype: str = "float32",
    device: str = "auto",
    seed: int = 0,
    semantics: str = "aligned",
    optimize: bool = True,
    forms: Mapping[str, str] | None = None,
    schedule: Schedule | str | Mapping[str, Any] | None = None,
    deterministic: bool = False,
    **training: Unpack[TrainingOptions],
) -> Model:
    """A spec as a running model on one backend.

    - ``spec``: a ``ModelSpec``, or what ``load_spec`` takes (a path, a shipped name).
    - ``backend``: "torch", "tensorflow", "mxnet", any that is installed, or a
      ``Backend`` itself.
    - ``loss``: an object or its name; for several outputs also a list, or a mapping by
      output (``loss_weight`` is a loss's factor in the sum). None makes a model that
      only predicts.
    - ``optimizer``: an object or its name; Adam where there is a loss and nothing else.
    - ``metrics``: objects or names; each is measured on the outputs that it fits.

    By keyword only:

    - ``dtype``: of weights and samples, "float32" or "float64".
    - ``device``: "auto" takes the GPU that the framework sees, else "cpu", "gpu:1", ….
    - ``seed``: of all random numbers, the initial weights among them.
    - ``semantics``: "aligned" resolves UNSET fields alike everywhere, "native" to each
      framework's own defaults.
    - ``optimize``: apply the exact rewrites; False gives the idiomatic program.
    - ``forms``: layer → the form of its entry to write wherever it holds, instead of
      the first that does; for conformance tests, which run every form.
    - ``schedule``: how ``fit`` moves the learning rate; None leaves it alone.
    - ``deterministic``: ask the framework, process-wide, for kernels that give the same
      bits again; ``model.promises`` says what it cannot promise.

    - ``training``: the fields of ``polyframe.spec.settings.Training``, which say what each
      does (``polyframe list settings`` shows them, with their defaults).

    Raises ``BackendError`` if the backend is not usable, ``UnsupportedError`` for an
    ability that it does not have and, listing every node, for what it cannot run,
    ``SpecError`` if the loss does not fit the output.
    """
    spec = load_spec(spec)
    chosen = Optimizer.parse(optimizer) if optimizer is not None else Adam()
    try:
        for name, value in (("dtype", dtype), ("seed", seed), ("semantics", semantics)):
            check_setting(name, value)
        settings = training_of(training)
        settings.check_dtype(dtype)
    except PolyframeError as error:
        where = f"compile: {error.where}"
        raise PolyframeError(error.message, where=where, hint=error.hint) from None
    found = get(backend)
    require_all(found, loss is not None, dtype, device, semantics, settings)
    probe = found.probe()
    if not probe.usable:
        raise BackendError(
            f"{found.title} is not usable: {probe.problem}",
            where=found.name,
            hint=f"install it with: {found.install}",
        )
    resolved = found.resolve_device(device)
    target = Target(
        dtype, resolved.kind, semantics, loss is not None, forms or {},
        settings.precision, optimize,
    )  # fmt: skip
    promises = found.make_deterministic(resolved) if deterministic else []
    step = make_step(spec, found, loss, chosen, settings, semantics)
    engine = Engine(
        spec, found, step, parse_metrics(list(metrics)), target, resolved, seed,
        None if schedule is None else Schedule.parse(schedule),
    )  # fmt: skip
    return Model(engine, promises)


def training_of(options: TrainingOptions) -> Training:
    """``Training`` of keywords; one pattern to freeze may stand alone."""
    known = TrainingOptions.__annotations__
    for name in options.keys() - known.keys():
        raise TypeError(
            f"compile() got an unexpected keyword argument {name!r}."
            f"{did_you_mean(name, known)}"
        )
    values: dict[str, Any] = {**options}
    freeze = values.get("freeze", ())
    values["freeze"] = (freeze,) if isinstance(freeze, str) else tuple(freeze)
    return Training(**values)


def require_all(
    backend: Backend,
    trains: bool,
    dtype: str,
    device: str,
    semantics: str,
    training: Training,
) -> None:
    """UnsupportedError for the first ability that is asked for and not there."""
    wanted = {
        "infer": True,
        "train": trains,
        "float64": dtype == "float64",
        "gpu": names_a_gpu(device),
        "native_semantics": semantics == "native",
    }
    if training.precision is not None:
        wanted[training.precision] = True
    require(backend, *(ability for ability, asked in wanted.items() if asked))

"""``compile``: a spec and a backend become a model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from polyframe.compiler.table import Target
from polyframe.contract.backend import Backend
from polyframe.contract.devices import names_a_gpu
from polyframe.contract.programs import make_step
from polyframe.contract.registry import get, require
from polyframe.errors import (
    ArgumentError,
    BackendError,
    PolyframeError,
    brief,
    did_you_mean,
)
from polyframe.model.engine import Engine
from polyframe.model.model import Model
from polyframe.spec.load import load_spec
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Adam, Optimizer
from polyframe.spec.recipe import parse_metrics
from polyframe.spec.schedules import Schedule
from polyframe.spec.semantics import Semantics
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
    semantics: Semantics | Mapping[str, str] = "aligned",
    optimize: bool = True,
    forms: Mapping[str, str] | None = None,
    schedule: Schedule | str | Mapping[str, Any] | None = None,
    deterministic: bool = False,
    **training: Unpack[TrainingOptions],
) -> Model:
    """Make a model of a spec, to run on one backend.

    - ``spec``: a ``ModelSpec``, or what ``load_spec`` takes (a path, a shipped name).
    - ``backend``: "torch", "tensorflow", "mxnet", the name of any other that is
      installed, or a ``Backend``.
    - ``loss``: an object, as ``pf.CrossEntropy()``, or a name, as "cross_entropy". A
      model with several outputs takes one for all, a list, or a mapping by output; the
      training minimises their sum, each times its ``loss_weight``. None, the default,
      makes a model that only predicts.
    - ``optimizer``: an object or a name; ``pf.Adam()`` if left out.
    - ``metrics``: objects or names; each is computed for the outputs that it fits.

    By keyword only:

    - ``dtype``: that of weights and samples, "float32" or "float64".
    - ``device``: "cpu", "gpu", "gpu:1", …; "auto" is a GPU if the framework sees one,
      else the CPU.
    - ``seed``: the seed of all random numbers: initial weights, order of the data,
      augmentation, random layers.
    - ``semantics``: "aligned", the same meaning on all backends; "native", what each
      framework's own classes and defaults mean, written without rewrites; or a mapping
      that makes some aspects native, as ``{"initializer": "native"}``: ``polyframe list
      aspects`` shows them.
    - ``optimize``: write the fastest program, with exact rewrites; False writes the
      idiomatic one.
    - ``forms``: name of a layer → name of the form to write wherever that holds, instead
      of the first that does. It is for conformance tests, which run every form.
    - ``schedule``: how ``fit`` changes the learning rate; None keeps it constant.
    - ``deterministic``: ask the framework, for the whole process, for kernels that give
      the same bits at every run; ``model.promises`` lists what it cannot promise.

    The training settings, by keyword only as well. ``polyframe list settings`` shows them
    with their defaults:

    - ``precision``: "bfloat16" or "float16" for the passes, with weights and update in
      float32; None, the default, computes in ``dtype``.
    - ``accumulate``: batches whose gradients are added up before each update; 1.
    - ``clip_norm``: the largest norm of all gradients together; None does not clip.
    - ``clip_value``: the largest size of each number of a gradient; None.
    - ``ema``: the decay of an EMA of the weights, which prediction uses; None keeps none.
    - ``freeze``: names or patterns of layers and blocks that are not trained; none.
    - ``freeze_statistics``: whether frozen batch norms keep their running statistics,
      and normalise by them; True.
    - ``unfreeze``: patterns of frozen layers, each to the number of epochs after which
      they are trained, ``{"body.*": 5}``; none.
    - ``learning_rate_multipliers``: patterns of blocks, layers and parameters, each to a
      factor of their learning rate, ``{"body.*": 0.1}``; none.
    - ``weight_decay_multipliers``: the same for the weight decay, ``{"*.bias": 0}``; none.

    Errors, all of them PolyframeError: ``BackendError`` if there is no such backend or
    device, or the framework is not installed; ``UnsupportedError`` for an ability that
    the backend does not have, and with a list of all layers that it cannot run;
    ``SpecError`` if a loss or a metric does not fit the outputs.
    """
    check_names(training)
    spec = load_spec(spec)
    chosen = Optimizer.parse(optimizer) if optimizer is not None else Adam()
    try:
        for name, value in (("dtype", dtype), ("seed", seed)):
            check_setting(name, value)
        meaning: Semantics = check_setting("semantics", semantics)
        settings = training_of(training)
        settings.check_dtype(dtype)
    except PolyframeError as error:
        where = f"compile: {error.where}"
        raise PolyframeError(error.message, where=where, hint=error.hint) from None
    backend = get(backend)
    require_all(backend, loss is not None, dtype, device, meaning, settings)
    probe = backend.probe()
    if not probe.usable:
        raise BackendError(
            f"{backend.title} is not usable: {probe.problem}",
            where=backend.name,
            hint=f"install it with: {backend.install}",
        )
    resolved = backend.resolve_device(device)
    target = Target(
        dtype, resolved.kind, meaning, loss is not None, forms or {},
        settings.precision, optimize,
    )  # fmt: skip
    promises = backend.make_deterministic(resolved) if deterministic else []
    step = make_step(spec, backend, loss, chosen, settings, meaning)
    engine = Engine(
        spec, backend, step, parse_metrics(metrics), target, resolved, seed,
        None if schedule is None else Schedule.parse(schedule),
    )  # fmt: skip
    return Model(engine, promises)


def check_names(options: TrainingOptions) -> None:
    """ArgumentError for a keyword that ``compile`` does not have."""
    known = TrainingOptions.__annotations__
    for name in options:
        if name not in known:
            own = inspect.signature(compile).parameters
            raise ArgumentError(
                f"there is no argument {brief(name)}."
                f"{did_you_mean(name, [*own, *known])}",
                where="compile",
                hint="see help(pf.compile)",
            )


def training_of(options: TrainingOptions) -> Training:
    """``Training`` from keywords; ``freeze`` may be a single pattern."""
    values: dict[str, Any] = {**options}
    freeze = values.get("freeze", ())
    values["freeze"] = (freeze,) if isinstance(freeze, str) else tuple(freeze)
    return Training(**values)


def require_all(
    backend: Backend,
    trains: bool,
    dtype: str,
    device: str,
    semantics: Semantics,
    training: Training,
) -> None:
    """UnsupportedError for the first ability that is needed and missing."""
    needed = {
        "infer": True,
        "train": trains,
        "float64": dtype == "float64",
        "gpu": names_a_gpu(device),
        "native_semantics": semantics != "aligned",
    }
    if training.precision is not None:
        needed[training.precision] = True
    require(backend, *(ability for ability, asked in needed.items() if asked))

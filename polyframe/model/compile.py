"""``compile``: a spec and a backend become a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.backend import Backend
from polyframe.contract.programs import make_step
from polyframe.errors import BackendError, PolyframeError
from polyframe.model.model import Model
from polyframe.spec.load import load_spec
from polyframe.spec.metrics import Metric
from polyframe.spec.model import ModelSpec
from polyframe.spec.optimizers import Adam, Optimizer
from polyframe.spec.recipe import parse_metrics
from polyframe.spec.schedules import Schedule
from polyframe.spec.settings import Training, check_setting


def compile(
    spec: ModelSpec | str | Path,
    backend: str | Backend = "torch",
    loss: Any = None,
    optimizer: Optimizer | str | Mapping[str, Any] | None = None,
    metrics: Sequence[Metric | str] = (),
    dtype: str = "float32",
    device: str = "auto",
    seed: int = 0,
    semantics: str = "aligned",
    optimize: bool = True,
    forms: Mapping[str, str] | None = None,
    schedule: Schedule | str | Mapping[str, Any] | None = None,
    precision: str | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    ema: float | None = None,
    freeze: Any = (),
    deterministic: bool = False,
) -> Model:
    """A spec as a running model on one backend.

    - ``spec``: a ``ModelSpec``, or what ``load_spec`` takes (a path, a shipped name).
    - ``backend``: "torch", "tensorflow", "mxnet", any that is installed, or a
      ``Backend`` itself.
    - ``loss``: an object or its name; for several outputs also a list, or a mapping by
      output (``loss_weight`` is a loss's factor in the sum). None makes a model that
      only predicts.
    - ``optimizer``: an object or its name; Adam where there is a loss and nothing else.
    - ``device``: "auto" takes the GPU that the framework sees, else "cpu", "gpu:1", ….
    - ``semantics``: "aligned" resolves UNSET fields alike everywhere, "native" to each
      framework's own defaults.
    - ``optimize``: apply the exact rewrites; False gives the idiomatic program.
    - ``forms``: layer → the form of its entry to write wherever it holds, instead of
      the first that does; for conformance tests, which run every form.
    - ``schedule``: how ``fit`` moves the learning rate; None leaves it alone.
    - ``precision``, ``clip_norm``, ``clip_value``, ``accumulate``, ``ema``, ``freeze``:
      see ``polyframe.spec.settings.Training``.
    - ``deterministic``: ask the framework, process-wide, for kernels that give the same
      bits again; ``model.promises`` says what it cannot promise.

    Raises ``BackendError`` if the backend is not usable, ``UnsupportedError`` listing
    every node that it cannot run, ``SpecError`` if the loss does not fit the output.
    """
    spec = load_spec(spec)
    chosen = Optimizer.parse(optimizer) if optimizer is not None else Adam()
    try:
        for name, value in (("dtype", dtype), ("seed", seed), ("semantics", semantics)):
            check_setting(name, value)
        training = Training(
            clip_norm=clip_norm, clip_value=clip_value, accumulate=accumulate, ema=ema,
            freeze=freeze, precision=precision,
        )  # fmt: skip
        training.check_dtype(dtype)
    except PolyframeError as error:
        where = f"compile: {error.where}"
        raise PolyframeError(error.message, where=where, hint=error.hint) from None
    found = registry.get(backend)
    probe = found.probe()
    if not probe.usable:
        raise BackendError(
            f"{found.title} is not usable: {probe.problem}",
            where=found.name,
            hint=f"install it with: {found.install}",
        )
    device = found.resolve_device(device)
    kind = "cpu" if "cpu" in device.lower() else "gpu"
    target = Target(
        dtype, kind, semantics, loss is not None, forms or {}, precision, optimize
    )
    promises = found.make_deterministic(kind) if deterministic else []
    step = make_step(spec, found, loss, chosen, training, semantics)
    model = Model(
        spec, found, step, parse_metrics(list(metrics)), target, device, seed, optimize
    )
    model.schedule = None if schedule is None else Schedule.parse(schedule)
    if step is not None:
        _ = model.measured  # SpecError for metrics that do not fit
    model.promises = promises
    return model

"""What MXNet Gluon's programs say for optimizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.optimizers import (
    Writer,
    amsgrad_options,
    class_entries,
    options,
)
from polyframe.compiler.python.source import Name, Opt, call, listing
from polyframe.compiler.table import Entry, Form, OptimizerView
from polyframe.spec.optimizers import Optimizer

NAMES = {"decoupled_weight_decay": "decoupled", "eps": "epsilon"}
"""Field → its name in the classes in snippets/, where that differs."""


# --- aligned: the classes in snippets/ -------------------------------------------


def optimizer(name: str, file: str = "") -> Writer:
    """The construction of an optimizer, whose class is a snippet (in that file)."""

    def write(view: OptimizerView) -> Code:
        given = options(view.rule, NAMES, ("amsgrad",))
        return made(view.rule, name, given, f"{file}.{name}" if file else name)

    return write


def made(rule: Optimizer, name: str, given: dict[str, Opt], snippet: str) -> Code:
    """The same with these options."""
    if rule.adapts:
        given["adapt_vectors"] = Opt(rule.decay_on == "all", True)
    make = call(name, {"learning_rate": rule.lr}, **given)
    return Code(make=make, snippets=(snippet,))


def adam(view: OptimizerView) -> Code:
    """Adam or AdamW in array arithmetic; with AMSGrad, one class is both."""
    rule = view.rule
    if not rule.amsgrad:
        return optimizer(view.word, "exact")(view)
    return made(rule, "AMSGrad", amsgrad_options(rule, NAMES), "AMSGrad")


def fusable(
    name: str,
    exact: Writer,
    covers: Callable[[Optimizer], bool],
) -> Entry:
    """On MXNet's fused kernels, for the options that they cover and in float32 alone:
    they store their numbers in float32, whatever the dtype of the weights."""

    def when(view: OptimizerView) -> bool:
        return view.target.dtype == "float32" and covers(view.rule)

    return Entry((Form("fused", optimizer(name, "fused"), when), Form("exact", exact)))


def without_amsgrad(rule: Optimizer) -> bool:
    return not getattr(rule, "amsgrad", False)


def without_dampening(rule: Optimizer) -> bool:
    return not getattr(rule, "dampening", 0.0)


# --- native: a Trainer and the classes of mx.optimizer ---------------------------


class Own(NamedTuple):
    """A class of mx.optimizer's.

    - ``name``: its name for a ``Trainer``.
    - ``options``: field → (its name there, MXNet's default).
    - ``covers``: whether it computes what a view asks for; ``gap`` is the reason where it
      does not.
    - ``rated``: whether it has a learning rate.
    """

    name: str
    options: Mapping[str, tuple[str, object]] = {}
    covers: Callable[[OptimizerView], bool] = lambda view: True
    gap: str = ""
    rated: bool = True


BETAS: dict[str, tuple[str, object]] = {
    "beta1": ("beta1", 0.9),
    "beta2": ("beta2", 0.999),
}
MOMENTUM = ("momentum", 0.0)


def in_float32(view: OptimizerView) -> bool:
    """Where the classes work whose arrays are float32, whatever the weights are."""
    return view.target.dtype == "float32"


def adagrad(view: OptimizerView) -> bool:
    rule = view.rule
    return in_float32(view) and not rule.lr_decay + rule.initial_accumulator_value


def adadelta(view: OptimizerView) -> bool:
    rates = view.training.learning_rate_multipliers
    return in_float32(view) and view.rule.lr == 1 and not rates


def rmsprop(view: OptimizerView) -> bool:
    return in_float32(view) and (view.rule.centered or not view.rule.momentum)


def adapts_all(view: OptimizerView) -> bool:
    """Whether biases, scales and shifts have a rate of their own like all others."""
    return bool(view.rule.decay_on == "all")


OWN = {
    "Adadelta": Own(
        "adadelta",
        {"rho": ("rho", 0.9), "eps": ("epsilon", 1e-5)},
        adadelta,
        "mx.optimizer's AdaDelta has no learning rate and no float64",
        rated=False,
    ),
    "Adagrad": Own(
        "adagrad",
        {"eps": ("eps", 1e-7)},
        adagrad,
        "mx.optimizer's AdaGrad has no lr_decay, no initial_accumulator_value and no "
        "float64",
    ),
    "Adam": Own(
        "adam",
        {**BETAS, "eps": ("epsilon", 1e-8)},
        lambda view: without_amsgrad(view.rule),
        "mx.optimizer's Adam has no amsgrad",
    ),
    "Adamax": Own(
        "adamax",
        BETAS,
        lambda view: len(set(view.rule.settings()["eps"])) == 1,  # the default
        "mx.optimizer's Adamax has no eps",
    ),
    "LAMB": Own(
        "lamb",
        {**BETAS, "eps": ("epsilon", 1e-6)},
        adapts_all,
        "mx.optimizer's LAMB scales the steps of biases, scales and shifts as well",
    ),
    "LARS": Own(
        "lars",
        {"momentum": MOMENTUM, "trust_coefficient": ("eta", 0.001)},
        adapts_all,
        "Gluon's Trainer does not tell mx.optimizer's LARS which parameters are biases, "
        "scales and shifts",
    ),
    "NAdam": Own(
        "nadam",
        {
            **BETAS,
            "eps": ("epsilon", 1e-8),
            "momentum_decay": ("schedule_decay", 0.004),
        },
        lambda view: not view.rule.decoupled_weight_decay,
        "mx.optimizer's Nadam has no decoupled decay",
    ),
    "RMSProp": Own(
        "rmsprop",
        {
            "alpha": ("gamma1", 0.9),
            "momentum": ("gamma2", 0.9),
            "eps": ("epsilon", 1e-8),
            "centered": ("centered", False),
        },
        rmsprop,
        "mx.optimizer's RMSProp has a momentum only if centered, and no float64",
    ),
    "SGD": Own(
        "sgd",
        {"momentum": MOMENTUM},
        lambda view: without_dampening(view.rule) or not view.rule.momentum,
        "mx.optimizer's SGD has no dampening",
    ),
}
"""Optimizer → the class that native semantics take."""


def trainer(view: OptimizerView) -> Code:
    """``gluon.Trainer`` with a class of mx.optimizer's, its rate and its options. On one
    device its default key-value store is none at all."""
    rule, own, training = view.rule, OWN[view.word], view.training
    names = {**own.options, "weight_decay": ("wd", 0.0)}
    if getattr(rule, "centered", True) is False:
        del names["momentum"]  # RMSProp's, which only its centered form has
    given = {
        name: Opt(getattr(rule, key), value) for key, (name, value) in names.items()
    }
    if view.target.native("clipping"):
        given["clip_gradient"] = Opt(training.clip_value, None)
    if own.rated:
        given = {"learning_rate": Opt(rule.lr, None), **given}
    settings = replace(call("", **given), function="{}")
    name = "nag" if getattr(rule, "nesterov", False) else own.name
    parts = [Name("model.collect_params()"), name]
    parts += [settings] if settings.items() else []
    return Code(make=listing("gluon.Trainer", parts), own=True)


def with_own(word: str, entry: Entry) -> Entry:
    """An entry with what native semantics take."""
    own = OWN.get(word)
    if own is None:
        return replace(entry, own=(), own_gap=f"mx.optimizer has no {word}")
    form = Form("own class", trainer, own.covers)
    return replace(entry, own=(form,), own_gap=own.gap)


FORMS: dict[str, Entry] = {
    **class_entries(__file__, optimizer),
    "Adam": fusable("Adam", adam, without_amsgrad),
    "AdamW": fusable("AdamW", adam, without_amsgrad),
    "SGD": fusable("SGD", optimizer("SGD", "exact"), without_dampening),
}
TABLE = {word: with_own(word, entry) for word, entry in FORMS.items()}

DEFAULTS: dict[str, dict[str, float]] = {
    "SGD": {"lr": 0.01},
    "NAdam": {"lr": 0.001},
    "RMSProp": {"lr": 0.001, "alpha": 0.9},
    "Adadelta": {"eps": 1e-5},
    "Adagrad": {"eps": 1e-7},
    "LARS": {"momentum": 0.0},
}
"""MXNet's own, where they are not the neutral ones."""

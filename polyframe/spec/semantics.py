"""``semantics``: what means the same on every backend, and what is each framework's own.

"aligned" and "native" decide all aspects alike; a mapping, ``{initializer: native}``,
decides some, and the others are aligned. The list of aspects is data: each names the
fields whose UNSET value it decides, and the differences of the registry that it brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, TypeAlias

from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.spec.fields import Kind

Semantics: TypeAlias = str | tuple[tuple[str, str], ...]
"""A checked value of the setting: "aligned", "native", or (aspect, "native") pairs."""
Defaults: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Element → field → what a framework has where nothing is given."""

VALUES = ("aligned", "native")


@dataclass(frozen=True)
class Aspect:
    """One thing that a framework may do in its own way.

    - ``help``: what it does with native semantics, in a sentence.
    - ``fields``: patterns of the fields (``Adam.eps``) whose UNSET value it decides.
    - ``differences``: what it brings, by the ids of the registry of differences.
    """

    name: str
    help: str
    fields: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


OF_OPTIMIZERS = (
    "adadelta-rate",
    "adam-epsilon",
    "adamax-zero",
    "lars-momentum",
    "nadam-product",
    "rmsprop-epsilon",
    "sgd-velocity",
    "weight-decay",
)
ASPECTS = (
    Aspect(
        "initializer",
        "Weights whose initializer is not set are drawn by the framework, from its own "
        "generator.",
        ("*.weight_init", "*.bias_init", "PReLU.init"),
        ("default-initialisers",),
    ),
    Aspect(
        "norm_momentum",
        "How fast the running statistics of batch norms move, where it is not set.",
        ("BatchNorm.momentum",),
        ("batchnorm-momentum",),
    ),
    Aspect(
        "norm_epsilon",
        "The epsilon of norms, where it is not set.",
        ("*Norm.eps",),
        ("batchnorm-epsilon",),
    ),
    Aspect(
        "running_variance",
        "Whether batch norms keep the biased or the unbiased variance.",
        ("BatchNorm.unbiased",),
        ("batchnorm-variance",),
    ),
    Aspect(
        "negative_slope",
        "The slope of LeakyReLU below 0, where it is not set.",
        ("LeakyReLU.negative_slope",),
        ("leaky-slope",),
    ),
    Aspect(
        "dropout",
        "Dropout and other random layers are the framework's own, with its own generator.",
        (),
        ("dropout-generators",),
    ),
    Aspect(
        "padding",
        'What "same" means with strides, where the framework has that word.',
        (),
        ("conv-same-padding",),
    ),
    Aspect(
        "loss",
        "Losses are the framework's own classes, with their own formula and mean.",
        (),
        (
            "bce-gradient-at-zero",
            "cosine-sign",
            "focal-probabilities",
            "kl-div-mean",
            "loss-denominator",
            "loss-smoothing",
            "log-softmax-onednn",
            "mse-half",
            "triplet-squares",
        ),
    ),
    Aspect(
        "optimizer",
        "Optimizers are the framework's own classes, with their own formula and decay.",
        (),
        OF_OPTIMIZERS,
    ),
    Aspect("learning_rate", "The learning rate, where it is not set.", ("*.lr",), ()),
    Aspect(
        "epsilon",
        "The epsilon of optimizers, where it is not set.",
        ("*.eps",),
        (),
    ),
    Aspect(
        "weight_decay",
        "The weight decay of optimizers, where it is not set.",
        ("*.weight_decay",),
        (),
    ),
    Aspect(
        "optimizer_constants",
        "Other constants of optimizers that are not set: decay rates of means, first "
        "values.",
        ("*.alpha", "*.rho", "*.momentum*", "*.initial_accumulator_value"),
        (),
    ),
    Aspect(
        "clipping",
        "Gradients are clipped by the framework's own function.",
        (),
        ("clipping",),
    ),
    Aspect(
        "tf32",
        "On a GPU, float32 may be rounded to TF32 in products.",
        (),
        ("tf32-default",),
    ),
)
"""All aspects. The first whose pattern fits decides a field."""
NAMES = tuple(aspect.name for aspect in ASPECTS)


@dataclass(frozen=True)
class SemanticsKind(Kind[Semantics]):
    """What the setting accepts."""

    @property
    def allowed(self) -> str:
        return (
            "'aligned', 'native', or a mapping of aspects (`polyframe list aspects`) to "
            "these"
        )

    def check(self, value: object) -> Semantics:
        """One of the words where all aspects agree, else pairs of those that are native."""
        if isinstance(value, str):
            if value not in VALUES:
                raise ValueError
            return value
        pairs = value.items() if isinstance(value, Mapping) else value
        try:
            given = dict(pairs)  # type: ignore[call-overload]
        except TypeError:
            raise ValueError from None
        for name, word in given.items():
            if name not in NAMES:
                raise SpecError(
                    f"unknown aspect {brief(name)}.{did_you_mean(str(name), NAMES)}",
                    hint=f"known: {', '.join(NAMES)}",
                )
            if word not in VALUES:
                raise ValueError
        native = [name for name in NAMES if given.get(name) == "native"]
        if len(native) == len(NAMES):
            return "native"
        return tuple((name, "native") for name in native) or "aligned"

    def short(self, value: Semantics) -> object:
        """The word, or a mapping."""
        return value if isinstance(value, str) else dict(value)


@cache
def native_aspects(semantics: Semantics) -> frozenset[str]:
    """The aspects that are each framework's own."""
    if semantics == "native":
        return frozenset(NAMES)
    return frozenset(() if isinstance(semantics, str) else dict(semantics))


def aspect_of(element: str, field: str) -> str | None:
    """The aspect that decides a field's UNSET value; None for a plug-in's field that
    none names, which only "native" as a whole decides."""
    name = f"{element}.{field}"
    for aspect in ASPECTS:
        if any(fnmatchcase(name, pattern) for pattern in aspect.fields):
            return aspect.name
    return None


def own_defaults(defaults: Defaults, semantics: Semantics) -> Defaults:
    """Those of a backend's ``defaults`` that semantics takes."""
    if isinstance(semantics, str):
        return defaults if semantics == "native" else {}
    native = native_aspects(semantics)
    taken = {
        element: {f: v for f, v in fields.items() if aspect_of(element, f) in native}
        for element, fields in defaults.items()
    }
    return {element: fields for element, fields in taken.items() if fields}


def rewrites(semantics: Semantics) -> bool:
    """Whether programs may be rewritten to be faster: not with "native" as a whole, which
    computes the same bits as code written by hand."""
    return semantics != "native"

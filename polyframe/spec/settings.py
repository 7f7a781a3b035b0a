"""The settings of a training that are plain values; each is a field of a class here.

``Training`` is the one list of what a training step does besides loss and optimizer.
Recipes, ``compile``, ``verify``, ``diff`` and ``eject`` take their settings from it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar

from polyframe.errors import PolyframeError, SpecError, brief, did_you_mean
from polyframe.spec.fields import (
    Bool,
    ByPattern,
    Choice,
    Float,
    Int,
    Kind,
    Maybe,
    Several,
    Text,
)
from polyframe.spec.semantics import Semantics, SemanticsKind

if TYPE_CHECKING:
    from polyframe.spec.layers.base import Parameter

T = TypeVar("T")
Patterns: TypeAlias = Mapping[str, T] | Sequence[tuple[str, T]]
"""Patterns, each to a value: a mapping, or pairs."""


def setting(
    kind: Kind[Any], *, default: object, help: str, keeps: str | None = None
) -> Any:
    """A setting: what it accepts, its default, and what it does in a sentence. If it
    ``keeps`` an array for each trained parameter, their name in training states."""
    metadata = {"kind": kind, "help": help} | ({"keeps": keeps} if keeps else {})
    return dataclasses.field(default=default, kw_only=True, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Numbers, length and random seed of a training."""

    batch_size: int = setting(
        Int(1, 2**20), default=128, help="The number of samples in a batch."
    )
    drop_last: bool = setting(
        Bool(),
        default=False,
        help="Leaves out the last batch of an epoch if it has fewer samples than others.",
    )
    validation_batch_size: int | None = setting(
        Maybe(Int(1, 2**20)),
        default=None,
        help="The number of samples in a batch of validation or test data, 256 by default.",
    )
    split: float | None = setting(
        Maybe(Float(0.0, 1.0, below=True, above=True)),
        default=None,
        help="The share of the training data to validate on instead, chosen by the seed; "
        "of class labels, each class has its share. Left out, it is 0.2 where a callback "
        "or the schedule monitors validation and the data have no part for it, else none.",
    )
    epochs: int = setting(
        Int(1, 10**6), default=10, help="The number of passes over the training data."
    )
    seed: int = setting(
        Int(0, 2**63 - 1),
        default=0,
        help="Seeds the initial weights, the order of the data, augmentation, dropout.",
    )
    dtype: str = setting(
        Choice(("float32", "float64")),
        default="float32",
        help="The dtype of the weights.",
    )
    semantics: Semantics = setting(
        SemanticsKind(),
        default="aligned",
        help="What the spec means: the same on every backend (aligned), or what each "
        "framework's own classes and defaults mean (native); a mapping of aspects, "
        "{initializer: native}, makes some of them native.",
    )


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training step does besides loss and optimizer.

    Each field's ``help`` says what it does; ``polyframe list settings`` shows them all.
    """

    precision: str | None = setting(
        Maybe(Choice(("bfloat16", "float16"))),
        default=None,
        help="Computes the forward and the backward pass in this dtype, with weights, "
        "loss and update in float32 (Micikevicius et al. 2018).",
    )
    accumulate: int = setting(
        Int(1, 2**16),
        default=1,
        help="Adds up the gradients of that many batches before each update.",
    )
    clip_norm: float | None = setting(
        Maybe(Float(0.0, above=True)),
        default=None,
        help="Scales all gradients by min(1, clip_norm / (norm + 1e-6)), norm being that "
        "of all of them together (Pascanu et al. 2013, algorithm 1; the 1e-6 is "
        "PyTorch's).",
    )
    clip_value: float | None = setting(
        Maybe(Float(0.0, above=True)),
        default=None,
        help="Clips each number of each gradient to ±clip_value.",
    )
    ema: float | None = setting(
        Maybe(Float(0.0, 1.0, below=True)),
        default=None,
        help="Keeps an EMA of the weights, a = ema·a + (1-ema)·w after each step, which "
        "starts at the initial weights; validation and prediction use it (Polyak & "
        "Juditsky 1992; running statistics have no EMA).",
        keeps="average",
    )
    freeze: tuple[str, ...] = setting(
        Several(Text()),
        default=(),
        help="Names or patterns (conv1, layer1.*) of layers and blocks whose weights "
        "are not trained.",
    )
    freeze_statistics: bool = setting(
        Bool(),
        default=True,
        help="Whether batch norms that freeze names keep their running statistics too, "
        "and normalise by them in training (as in Keras); false treats these as those of "
        "other batch norms (as in PyTorch).",
    )
    unfreeze: tuple[tuple[str, int], ...] = setting(
        ByPattern(Int(1, 10**6)),
        default=(),
        help="Patterns of layers that freeze names, each to the number of epochs after "
        "which these are trained; the optimizer then begins anew.",
    )
    learning_rate_multipliers: tuple[tuple[str, float], ...] = setting(
        ByPattern(Float(0.0)),
        default=(),
        help="Patterns of blocks, layers and parameters (layer1.*, *.bias), each to a "
        "factor of their learning rate; the last pattern that fits counts.",
    )
    weight_decay_multipliers: tuple[tuple[str, float], ...] = setting(
        ByPattern(Float(0.0)),
        default=(),
        help="Patterns of blocks, layers and parameters (*.bias), each to a factor of "
        "the optimizer's weight_decay; the last pattern that fits counts.",
    )

    def __post_init__(self) -> None:
        for name in TRAINING:
            object.__setattr__(self, name, check_setting(name, getattr(self, name)))
        self.check_clipping()

    def options(self) -> dict[str, Any]:
        """The training settings by name, as ``compile`` takes them."""
        return {name: getattr(self, name) for name in TRAINING}

    def to_data(self) -> dict[str, Any]:
        """The training settings by name, as plain data."""
        return {name: plain_setting(name, v) for name, v in self.options().items()}

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        defaults = Training().options()
        return {n: v for n, v in self.options().items() if v != defaults[n]}

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the arrays that a step keeps for each trained parameter."""
        given = {array: getattr(self, name) for name, array in KEEPING.items()}
        return tuple(array for array, value in given.items() if value is not None)

    @property
    def predicts_with(self) -> str | None:
        """The kept arrays that prediction uses instead of the weights, if any."""
        return "average" if self.ema is not None else None

    def check_clipping(self) -> None:
        """SpecError if gradients would be clipped twice."""
        if self.clip_norm is not None and self.clip_value is not None:
            raise SpecError(
                "clip_norm and clip_value are both given; only one can clip",
                where="clip_norm",
            )

    def check_dtype(self, dtype: str) -> None:
        """PolyframeError unless ``precision`` is allowed for weights of that dtype."""
        if self.precision is not None and dtype != "float32":
            raise PolyframeError(
                f"{self.precision} is for weights in float32, not {dtype}",
                where="precision",
            )

    @property
    def multiplies(self) -> bool:
        """Whether parameters have factors of the learning rate or the weight decay."""
        return bool(self.learning_rate_multipliers or self.weight_decay_multipliers)

    def check_parameters(self, parameters: Mapping[str, Parameter]) -> None:
        """SpecError for a pattern that fits none of a model's layers or parameters."""
        self.frozen(parameters)
        self.factors(parameters)

    def frozen(
        self, parameters: Mapping[str, Parameter], epoch: int = 0
    ) -> tuple[str, ...]:
        """The layers that are frozen after that many epochs: those with weights that are
        not trained, and with running statistics that are kept."""
        held = {
            name
            for name, p in parameters.items()
            if p.trainable or self.freeze_statistics
        }
        layers = layers_of(n for n in parameters if n in held)
        named: set[str] = set()
        for pattern in self.freeze:
            matching = [layer for layer in layers if matches(layer, pattern)]
            if not matching:
                raise unmatched(pattern, "layer with weights", layers, "freeze")
            named.update(matching)
        weighted = layers_of(n for n, p in parameters.items() if p.trainable)
        if self.freeze and weighted and named.issuperset(weighted):
            raise SpecError("nothing is left to train", where="freeze")
        frozen = [layer for layer in layers if layer in named]
        if self.unfreeze and not self.freeze:
            raise SpecError(
                "freeze names no layers",
                where="unfreeze",
                hint="freeze says which layers are frozen, unfreeze for how long",
            )
        last = by_pattern(self.unfreeze, frozen, "layer that is frozen", "unfreeze")
        return tuple(n for n in frozen if epoch < last.get(n, epoch + 1))

    def at_epoch(self, parameters: Mapping[str, Parameter], epoch: int) -> Training:
        """The same after that many epochs, without ``unfreeze``: ``freeze`` has the names
        of the layers that are still frozen."""
        if not self.unfreeze:
            return self
        return replace(self, freeze=self.frozen(parameters, epoch), unfreeze=())

    def fixed(self, parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
        """The layers whose running statistics are kept."""
        if not (self.freeze and self.freeze_statistics):
            return ()
        stateful = layers_of(n for n, p in parameters.items() if not p.trainable)
        frozen = self.frozen(parameters)
        return tuple(layer for layer in stateful if layer in frozen)

    def factors(
        self, parameters: Mapping[str, Parameter]
    ) -> dict[str, tuple[float, float]]:
        """Parameter → its factors of the learning rate and of the weight decay, for
        parameters of which one is not 1."""
        names = [name for name, p in parameters.items() if p.trainable]
        rates, decays = (
            by_pattern(getattr(self, where), names, "parameter", where)
            for where in ("learning_rate_multipliers", "weight_decay_multipliers")
        )
        pairs = {name: (rates.get(name, 1.0), decays.get(name, 1.0)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair != (1.0, 1.0)}


class TrainingOptions(TypedDict, total=False):
    """The fields of ``Training`` as keywords, for editors and type checkers."""

    precision: str | None
    accumulate: int
    clip_norm: float | None
    clip_value: float | None
    ema: float | None
    freeze: Sequence[str] | str
    freeze_statistics: bool
    unfreeze: Patterns[int]
    learning_rate_multipliers: Patterns[float]
    weight_decay_multipliers: Patterns[float]


def kinds_of(settings: type[Any]) -> dict[str, Kind[Any]]:
    """Name → kind of the settings of a class."""
    fields = dataclasses.fields(settings)
    return {f.name: f.metadata["kind"] for f in fields if "kind" in f.metadata}


TRAINING = tuple(kinds_of(Training))
"""The names of all training settings."""
KEEPING: Mapping[str, str] = {
    f.name: f.metadata["keeps"]
    for f in dataclasses.fields(Training)
    if "keeps" in f.metadata
}
"""Setting → the name of the arrays that it keeps, one for each trained parameter."""
KINDS: Mapping[str, Kind[Any]] = kinds_of(RunSettings) | kinds_of(Training)
"""Name → kind of all settings."""


def around(name: str) -> list[str]:
    """The blocks around a layer or a parameter, from the outermost, and its own name."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern names a layer or a parameter, or a block around it."""
    return any(fnmatchcase(path, pattern) for path in around(name))


def layers_of(parameters: Iterable[str]) -> list[str]:
    """The layers of parameters, each once, in order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))


def by_pattern(
    pairs: Iterable[tuple[str, T]], names: Sequence[str], what: str, where: str
) -> dict[str, T]:
    """Name → the value of the last pattern that fits it, for names that any fits;
    SpecError for a pattern that fits none of the ``names``."""
    values: dict[str, T] = {}
    for pattern, value in pairs:
        matching = [name for name in names if matches(name, pattern)]
        if not matching:
            raise unmatched(pattern, what, names, where)
        values |= dict.fromkeys(matching, value)
    return values


def unmatched(pattern: str, what: str, names: Sequence[str], where: str) -> SpecError:
    """The error for a pattern that fits none of these names."""
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    near = list(dict.fromkeys(path for name in names for path in around(name)))
    return SpecError(
        f"{brief(pattern)} names no {what}.{did_you_mean(pattern, near)}",
        where=where,
        hint=f"known: {listed}" if names else "there are none",
    )


def check_setting(name: str, value: object) -> Any:
    """The normalised value of a setting; PolyframeError that names it."""
    kind = KINDS[name]
    try:
        return kind.check(value)
    except (ValueError, OverflowError):
        raise PolyframeError(
            f"got {brief(value)}; {kind.allowed} is needed", where=name
        ) from None
    except SpecError as error:
        raise PolyframeError(error.message, where=name, hint=error.hint) from None


def plain_setting(name: str, value: object) -> object:
    """A checked setting as plain data, as recipes write it."""
    value = KINDS[name].short(value)
    return list(value) if isinstance(value, tuple) else value

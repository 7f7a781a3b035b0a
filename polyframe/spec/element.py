"""What layers, losses, optimizers and all others that a recipe is made of share.

Each is a frozen dataclass made with ``@define``; its family's registry finds it by name
(``"Conv2D"``, ``"cross_entropy"``), so that YAML, documentation, conformance tests and
the backends' tables all start from the same list.
"""

from __future__ import annotations

import builtins
import dataclasses
import functools
import re
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from polyframe.errors import SpecError, brief, did_you_mean, listed
from polyframe.plugins import load_installed
from polyframe.spec.fields import UNSET, Kind, T, field

PART = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""One part of a name. Names become attributes of native classes: nothing else may."""


class Element:
    """The base of everything that a spec or recipe is made of."""

    family: ClassVar[str]
    registry: ClassVar[dict[str, type[Element]]]
    word: ClassVar[str]  # what the registry and YAML call it: "Conv2D", "cross_entropy"
    since: ClassVar[str] = "0.1"  # the version of polyframe that first had it

    def __init_subclass__(cls, family: str | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if family is not None:
            cls.family, cls.registry = family, {}

    def __post_init__(self) -> None:
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            if "kind" not in f.metadata:
                continue
            value = getattr(self, f.name)
            if value is UNSET and f.metadata["aligned"] is not None:
                continue
            checked = check_field(
                self.label, f.name, f.metadata["kind"].of(self), value
            )
            object.__setattr__(self, f.name, checked)

    @property
    def type(self) -> str:
        """What YAML calls it."""
        return self.word

    @property
    def label(self) -> str:
        """How errors call it."""
        return self.type

    def options(self) -> dict[str, Any]:
        """The fields that were set to something other than their default."""
        options = {}
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value, default = getattr(self, f.name), f.default
            if f.name == "name" or value is UNSET:
                continue
            if default is not dataclasses.MISSING and default is not UNSET:
                default = f.metadata["kind"].of(self).check(default)
            if not same(value, default):
                options[f.name] = value
        return options

    def written(self) -> dict[str, Any]:
        """``options``, each as people write it."""
        fields = {f.name: f for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {
            name: fields[name].metadata["kind"].of(self).short(value)
            for name, value in self.options().items()
        }

    def resolve(self, defaults: Mapping[str, Mapping[str, Any]]) -> Self:
        """This element with nothing UNSET: ``defaults[type][field]``, else aligned."""
        own = defaults.get(self.type, {})
        resolved = {
            f.name: own.get(f.name, f.metadata["aligned"])
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
            if getattr(self, f.name) is UNSET
        }
        if not resolved:
            return self
        return dataclasses.replace(self, **resolved)  # type: ignore[type-var]

    @classmethod
    def known(cls, name: str) -> builtins.type[Self] | None:
        """The class of this family with that name, if it is defined already."""
        for word, element in cls.registry.items():
            if plain(word) == plain(name):
                return element  # type: ignore[return-value]
        return None

    @classmethod
    def find(cls, name: str) -> builtins.type[Self]:
        """The class of this family with that name, built in or of a plug-in; installed
        plug-ins are loaded once a name is not known without them."""
        element = cls.known(name)
        if element is None:
            load_installed()
            element = cls.known(name)
        if element is None:
            guess = did_you_mean(name, cls.registry)
            raise SpecError(
                f"unknown {cls.family} {brief(name)}.{guess}",
                hint=f"known: {listed(sorted(cls.registry), name)}",
            )
        return element

    @classmethod
    def parse(cls, value: object, where: str | None = None) -> Self:
        """One of this family from an object, a name, or ``{type: …, field: …}``."""
        if isinstance(value, cls):
            return value
        where = where or cls.family
        if isinstance(value, str):
            value = {"type": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
            raise SpecError(
                f"got {brief(value)}; a name, or {{type: name, …}} is needed",
                where=where,
                hint=own_hint(value),
            )
        try:
            element = cls.find(value["type"])
            return element(**{str(k): v for k, v in value.items() if k != "type"})
        except SpecError as error:
            inner = f"{where}: {error.where}" if error.where else where
            raise SpecError(error.message, where=inner, hint=error.hint) from None


F = TypeVar("F", bound=Element)


def own_hint(value: object) -> str | None:
    """The way out for a function or a class of a user's own, or of a framework."""
    if not callable(value):
        return None
    return "code of your own can be used by name once a plug-in defines it: docs/plugins.md"


def parse_several(family: type[F], value: object, where: str) -> tuple[F, ...]:
    """A list of one family; one alone stands for a list of one."""
    if isinstance(value, (str, family, Mapping)):
        value = [value]
    if not isinstance(value, (list, tuple)):
        raise SpecError(f"got {brief(value)}; a list of names is needed", where=where)
    return tuple(family.parse(item, where) for item in value)


E = TypeVar("E", bound=type[Element])


# The classes are frozen, but checkers are not told so (``frozen_default``): mypy takes
# a descriptor-typed field of a frozen dataclass for what the constructor takes.
@dataclass_transform(field_specifiers=(field, dataclasses.field))
def define_base(cls: E) -> E:
    """Make a frozen dataclass of it: a base that elements share, and no element."""
    dataclasses.dataclass(frozen=True)(cls)
    return cls


@dataclass_transform(field_specifiers=(field, dataclasses.field))
def define(cls: E) -> E:
    """Make a frozen dataclass of it, register it, and check its arguments' names."""
    own_init = "__init__" in cls.__dict__
    dataclasses.dataclass(frozen=True)(cls)
    if "word" not in cls.__dict__:
        cls.word = cls.__name__
    register(cls)
    if own_init:
        return cls
    original = cls.__init__
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    positional = [f.name for f in fields.values() if f.init and not f.kw_only]
    required = [
        f.name
        for f in fields.values()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]

    @functools.wraps(original)
    def __init__(self: E, /, *args: object, **kwargs: object) -> None:
        given = dict(zip(positional, args, strict=False)) | kwargs
        called = kwargs.get("name")
        where = f"{brief_name(called)} ({cls.word})" if called is not None else cls.word
        if len(args) > len(positional):
            raise SpecError(
                f"takes at most {len(positional)} positional values, got {len(args)}",
                where=where,
            )
        for name in given:
            if name not in fields:
                known = ", ".join(dict.fromkeys([*positional, *fields]))
                raise SpecError(
                    f"has no field {brief(name)}.{did_you_mean(name, fields)}",
                    where=where,
                    hint=f"fields: {known}",
                )
        for name in required:
            if name not in given:
                raise SpecError(f"field {name!r} is missing", where=where)
        original(self, *args, **kwargs)

    cls.__init__ = __init__  # type: ignore[assignment]
    return cls


def register(cls: type[Element]) -> None:
    """Put a class into its family's registry; SpecError if another has its name."""
    other = cls.known(cls.word)
    if other is not None and origin(other) != origin(cls):
        raise SpecError(
            f"there is already a {cls.family} {brief(other.word)}, of {other.__module__}",
            where=cls.__name__,
            hint="give the class another name, or a word of its own",
        )
    if other is not None:  # the same file, run again
        del cls.registry[other.word]
    cls.registry[cls.word] = cls


def origin(cls: type[Element]) -> tuple[str, str]:
    """Where a class is defined: its file (in a session: its module) and its name."""
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__file__", None) or cls.__module__, cls.__qualname__


def check_field(label: str, name: str, kind: Kind[T], value: object) -> T:
    """``kind.check`` with an error that names the element and the field."""
    try:
        return kind.check(value)
    except (ValueError, OverflowError):
        raise SpecError(
            f"{name} is {brief(value)}; {kind.allowed} is needed", where=label
        ) from None
    except SpecError as error:  # of an element in the field
        inner = f"{label}: {name}"
        raise SpecError(error.message, where=inner, hint=error.hint) from None


def check_name(name: object, what: str = "name") -> str:
    """A name that is safe to write into source."""
    if not isinstance(name, str) or not PART.fullmatch(name):
        raise SpecError(
            f"{what} {brief(name)} is not allowed",
            hint="a letter, then letters, digits and _, at most 64 characters",
        )
    return name


def brief_name(name: object) -> str:
    """A name as errors show it, which need not be allowed yet."""
    return name if isinstance(name, str) and PART.fullmatch(name) else brief(name)


def element_data(element: Element) -> dict[str, Any]:
    """``{type: …, field: …}``, with defaults and UNSET left out."""
    return {"type": element.type} | {
        name: plain_value(value) for name, value in element.written().items()
    }


def plain_value(value: object) -> object:
    """A field's value as plain data: tuples become lists, elements mappings."""
    if isinstance(value, Element):
        data = element_data(value)
        return data["type"] if len(data) == 1 else data
    if isinstance(value, tuple):
        return [plain_value(v) for v in value]
    return value


def value_text(value: object) -> str:
    """A field's value as it is written in YAML."""
    if isinstance(value, Element):
        options = value.written().items()
        inner = ", ".join(f"{name}={value_text(v)}" for name, v in options)
        return f"{value.type}({inner})" if inner else value.type
    return str(plain_value(value))


def plain(word: str) -> str:
    """A name without case and underscores: ``Adam`` is ``adam``."""
    return word.replace("_", "").lower()


def same(a: object, b: object) -> bool:
    """Equal, and of one type (``1`` is not ``True``)."""
    return type(a) is type(b) and bool(a == b)

"""The plan of a study: which contestants train what, with which seeds, in which order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from polyframe.errors import PolyframeError
from polyframe.spec.recipe import Recipe, load_recipe

SCHEMA = 1
"""The version of study.json."""
LONGEST_SLUG = 80
CHANGEABLE = ("time_limit", "target", "margin", "certify_steps")
"""Settings that may change while a study goes on: no cell's numbers depend on them."""
RUN_KEYS = ("optimize",)
"""Keys that a variant may change besides those of a recipe: ``optimize``, whether exact
rewrites are applied."""


@dataclass(frozen=True)
class Contestant:
    """A backend in a Python: ``python`` is the path of the interpreter, "" for the one
    that runs the study. ``name`` is how reports call it."""

    name: str
    backend: str
    python: str = ""

    def to_data(self) -> dict[str, str]:
        """Plain data."""
        return {"name": self.name, "backend": self.backend, "python": self.python}


@dataclass(frozen=True)
class Variant:
    """A change of the recipe: dotted keys to values, as ``--set`` gives them, or
    ``optimize``. ``aspect`` is the one aspect of semantics that an ablation switches to
    native, "native" for all of them and "aligned" for none, "" outside of an ablation."""

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    aspect: str = ""

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "changes": dict(self.changes),
            "aspect": self.aspect,
        }

    def recipe(self, base: Recipe, seed: int) -> Recipe:
        """The recipe that a cell trains."""
        changes = {k: v for k, v in self.changes.items() if k not in RUN_KEYS}
        return load_recipe(base, {**changes, "seed": seed})

    @property
    def optimize(self) -> bool:
        """Whether exact rewrites are applied."""
        return bool(self.changes.get("optimize", True))


@dataclass(frozen=True)
class Settings:
    """What all cells have in common besides the recipe.

    - ``threads``: of each process. ``time_limit``: seconds that a cell may take.
    - ``device``: "cpu" or "gpu". ``target``: the value of the first metric whose time is
      measured; None for none. ``margin``: differences of the first metric that do not
      matter, in its own unit (0.005 of an accuracy is half a point), for equivalence.
    - ``certify_steps``: steps of the certificate that is taken first; 0 for none.
    """

    threads: int
    device: str = "cpu"
    time_limit: float = 3600.0
    target: float | None = None
    margin: float = 0.005
    certify_steps: int = 10

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Cell:
    """One training: a contestant, a variant, a seed."""

    contestant: Contestant
    variant: Variant
    seed: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others of its study."""
        return self.contestant.name, self.variant.name, self.seed

    @property
    def path(self) -> PurePosixPath:
        """Where its record lies in the study's folder."""
        names = slug(self.contestant.name), slug(self.variant.name)
        return PurePosixPath("cells", *names, f"seed-{self.seed}.json")


@dataclass(frozen=True)
class Skipped:
    """A contestant and a variant without cells, and why: the variant changes nothing
    there (``same_as`` names the variant that is the same), or it is a gap."""

    contestant: str
    variant: str
    reason: str
    same_as: str = ""


@dataclass(frozen=True)
class Study:
    """A plan. PolyframeError where two contestants, variants or seeds are one. Two
    contestants may be one backend in one Python: an A/A study measures what chance does
    (``parse_contestants`` refuses it where it was not asked for)."""

    recipe: Recipe
    contestants: tuple[Contestant, ...]
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    settings: Settings
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        for what, several in (
            ("contestant", self.contestants),
            ("variant", self.variants),
        ):
            if not several:
                raise PolyframeError(f"no {what} is given", where="compare")
            check_distinct(what, [each.name for each in several])
        if not self.seeds:
            raise PolyframeError("no seed is given", where="compare")
        if min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise PolyframeError("a seed is below 0, or given twice", where="compare")

    @property
    def name(self) -> str:
        """The recipe's."""
        return self.recipe.name

    def cells(self) -> Iterator[Cell]:
        """All cells in the order in which they run: contestants take turns, so that a
        machine that slows down slows all of them down."""
        left_out = {(each.contestant, each.variant) for each in self.skipped}
        for seed in self.seeds:
            for variant in self.variants:
                for contestant in self.contestants:
                    if (contestant.name, variant.name) not in left_out:
                        yield Cell(contestant, variant, seed)

    def to_data(self) -> dict[str, Any]:
        """Plain data, for ``study.json``."""
        return {
            "schema": SCHEMA,
            "recipe": self.recipe.to_data(),
            "contestants": [each.to_data() for each in self.contestants],
            "variants": [each.to_data() for each in self.variants],
            "seeds": list(self.seeds),
            "settings": self.settings.to_data(),
            "skipped": [dict(vars(each)) for each in self.skipped],
        }

    @property
    def hash(self) -> str:
        """The hash of what decides a cell's numbers: the recipe, and the settings without
        ``CHANGEABLE``."""
        settings = self.settings.to_data()
        for key in CHANGEABLE:
            del settings[key]
        data = {"recipe": self.recipe.to_data(), "settings": settings}
        text = json.dumps(data, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def check_distinct(what: str, names: Sequence[str]) -> None:
    """PolyframeError where two names, or the files that they would be, are one."""
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(slug(name).casefold(), name)
        if twin is not name and (twin == name or slug(twin) == slug(name)):
            raise PolyframeError(
                f"two {what}s are called {name!r}",
                where="compare",
                hint=f"name each {what} once",
            )


def slug(name: str) -> str:
    """A name as the name of a folder: letters, digits and ``._=-``, and a hash where it
    had to be changed."""
    text = re.sub(r"[^A-Za-z0-9._=-]+", "_", name).strip(".")
    if text == name and len(text) <= LONGEST_SLUG:
        return text
    end = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{text[: LONGEST_SLUG - 9]}-{end}"

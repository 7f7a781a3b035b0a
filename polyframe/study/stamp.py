"""Whether a study's contestants are certified to compute the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from polyframe.errors import PolyframeError, brief
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.spec.semantics import native_aspects
from polyframe.study.certify import certificate_hash
from polyframe.study.plan import Study, Variant
from polyframe.study.records import Record

VERIFIED, OWN_DEFAULTS, UNVERIFIED = "VERIFIED", "OWN DEFAULTS", "UNVERIFIED"
PARTS = ("model", "semantics")
"""The parts of a recipe that decide what a certificate has to be of."""
Certificates = Mapping[str, Mapping[str, object]]
"""Variant → its certificate, as the study's folder has it."""


def stamp(
    study: Study,
    records: Sequence[Record],
    certificates: Certificates,
    refused: Sequence[str] = (),
) -> tuple[str, str]:
    """The stamp of a study and its reason, in words.

    - VERIFIED: each aligned variant has a certificate that passed, was taken on all its
      contestants, and is of the model that its cells trained.
    - OWN DEFAULTS: no variant is aligned. Native ones need no certificate: they are
      different on purpose.
    - UNVERIFIED: else, and where facts differ that must not (``refused``: sentences).
    """
    aligned, native, reasons = [], [], list(refused)
    trained: dict[str, set[str]] = {}
    for record in records:
        if record.done and "spec_hash" in record.facts:
            trained.setdefault(record.variant, set()).add(
                str(record.facts["spec_hash"])
            )
    recipes = cached_recipes(study)
    for variant in study.variants:
        try:
            recipe = recipes(relevant(variant))
        except PolyframeError as error:
            reasons.append(f"{variant.name}: {error}")
            continue
        if native_aspects(recipe.semantics):
            native.append(variant.name)
            continue
        aligned.append(variant.name)
        certificate = certificates.get(variant.name)
        spec_hash = recipe.model.hash
        reasons += missed(study, variant, certificate, spec_hash)
        if trained.get(variant.name, {spec_hash}) != {spec_hash}:
            reasons.append(f"cells of {variant.name} trained another model")
    if reasons:
        more = f"; and {len(reasons) - 1} more such" if len(reasons) > 1 else ""
        return UNVERIFIED, f"{reasons[0]}{more}"
    if not aligned:
        return OWN_DEFAULTS, (
            "each framework has its own defaults, which differ on purpose: nothing here is "
            "certified to be equal"
        )
    others = f"; {names(native)} differ on purpose" if native else ""
    return VERIFIED, (
        f"the contestants compute the same in {names(aligned)}, tensor by tensor: the "
        f"certificates of this study passed{others}"
    )


def relevant(variant: Variant) -> str:
    """The changes of a variant that decide what its certificate is of, as text."""
    changes = {
        key: value
        for key, value in variant.changes.items()
        if key.partition(".")[0] in PARTS
    }
    return json.dumps(changes, sort_keys=True)


def cached_recipes(study: Study) -> Callable[[str], Recipe]:
    """A function from the changes of ``relevant`` to the recipe: most variants share it."""

    @cache
    def recipe(changes: str) -> Recipe:
        return load_recipe(study.recipe, json.loads(changes))

    return recipe


def missed(
    study: Study,
    variant: Variant,
    certificate: Mapping[str, object] | None,
    spec_hash: str,
) -> Iterator[str]:
    """What an aligned variant lacks to be verified."""
    name = variant.name
    if certificate is None and len(entrants(study, variant)) < 2:
        yield f"{name} has one contestant, and nothing to certify it against"
        return
    if certificate is None:
        yield f"{name} has no certificate"
        return
    if certificate.get("passed") is not True:
        yield f"the certificate of {name} did not pass"
    if certificate.get("hash") != certificate_hash(dict(certificate)):
        yield f"the certificate of {name} was changed after it was taken"
    spec = certificate.get("spec")
    theirs = spec.get("hash") if isinstance(spec, Mapping) else None
    if theirs != spec_hash:
        yield (
            f"the certificate of {name} is of another model ({brief(theirs)}, not "
            f"{spec_hash!r})"
        )
    settings = certificate.get("settings")
    semantics = settings.get("semantics") if isinstance(settings, Mapping) else None
    if semantics not in (None, "aligned"):
        yield f"the certificate of {name} has semantics {brief(semantics)}"
    if certificate.get("optimize", variant.optimize) is not variant.optimize:
        yield f"the certificate of {name} is of other rewrites (optimize)"
    for contestant in untaken(study, variant, certificate):
        yield f"the certificate of {name} was not taken on {contestant}"


def entrants(study: Study, variant: Variant) -> list[str]:
    """The names of the contestants that have cells of a variant."""
    left_out = {e.contestant for e in study.skipped if e.variant == variant.name}
    return [c.name for c in study.contestants if c.name not in left_out]


def untaken(
    study: Study, variant: Variant, certificate: Mapping[str, object]
) -> list[str]:
    """The contestants of a variant that its certificate was not taken on."""
    listed = certificate.get("contestants", certificate.get("backends"))
    taken = list(map(str, listed)) if isinstance(listed, (Mapping, list)) else []
    return [name for name in entrants(study, variant) if name not in taken]


def names(several: Sequence[str], most: int = 5) -> str:
    """``a, b and c``; of many the first."""
    if len(several) > most:
        return f"{', '.join(several[:most])} and {len(several) - most} more"
    if len(several) < 2:
        return "".join(several)
    return f"{', '.join(several[:-1])} and {several[-1]}"

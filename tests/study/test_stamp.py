"""Whether a study is verified: its certificates, its folder."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from helpers.simulated_studies import (
    ALIGNED,
    BASE,
    NATIVE,
    a_model,
    a_record,
    a_study,
    noisy,
)

from polyframe.study.analysis import analyse, analyse_folder
from polyframe.study.certify import certificate_hash
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Variant


def certificate(study, **more):
    """A certificate as it was taken, but for what it says of these keys."""
    data = {
        "passed": True,
        "spec": {"name": "small", "hash": study.recipe.model.hash},
        "settings": {"semantics": "aligned"},
        "backends": {each.backend: "1.0" for each in study.contestants},
        **more,
    }
    return data | {"hash": certificate_hash(data)}


def test_a_study_is_verified_by_its_certificates():
    study = a_study(variants=(ALIGNED, NATIVE))
    good = certificate(study)
    analysis = analyse(study, [], {"aligned": good})
    assert analysis.stamp == "VERIFIED"
    assert "native differ on purpose" in analysis.stamp_reason
    for bad, reason in (
        (None, "aligned has no certificate"),
        (certificate(study, passed=False), "did not pass"),
        (certificate(study, passed="yes"), "did not pass"),
        ({**good, "steps": 10**6}, "was changed after it was taken"),
        (
            {k: v for k, v in good.items() if k != "hash"},
            "was changed after it was taken",
        ),
        (certificate(study, spec={"hash": "0"}), "is of another model ('0', not "),
        (certificate(study, spec=[]), "is of another model"),
        (
            certificate(study, settings={"semantics": "native"}),
            "has semantics 'native'",
        ),
        (certificate(study, backends=["a", "b"]), "was not taken on c"),
        (certificate(study, contestants={"a": {}, "b": {}}), "was not taken on c"),
        (certificate(study, backends=3), "was not taken on a; and 2 more"),
        (certificate(study, optimize=False), "is of other rewrites"),
    ):
        analysis = analyse(study, [], {} if bad is None else {"aligned": bad})
        assert analysis.stamp == "UNVERIFIED"
        assert reason in analysis.stamp_reason
    other = a_record(study.hash, ("a", "aligned", 0), facts={"spec_hash": "0"})
    analysis = analyse(study, [other], {"aligned": good})
    assert analysis.stamp == "UNVERIFIED"
    assert "trained another model" in analysis.stamp_reason


def test_native_variants_have_their_own_defaults():
    native = a_study(
        variants=(NATIVE, Variant("x", {"semantics.initializer": "native"}))
    )
    assert analyse(native, []).stamp == "OWN DEFAULTS"
    assert analyse(a_study(), []).stamp == "UNVERIFIED"
    assert analyse(a_study(), []).summary == ()


def test_one_contestant_has_nothing_to_be_certified_against():
    analysis = analyse(a_study(("a",), variants=(ALIGNED,)), [])
    assert analysis.stamp == "UNVERIFIED"
    assert "one contestant, and nothing to certify it against" in analysis.stamp_reason


def test_facts_that_must_be_equal_make_a_study_unverified(monkeypatch):
    study = a_study(variants=(ALIGNED,))
    told = []

    def unequal(study, records):
        told.append(len(records))
        return [
            SimpleNamespace(reason="The threads differ.", refuses=False),
            SimpleNamespace(reason="The data differ.", refuses=True),
        ]

    monkeypatch.setattr("polyframe.study.analysis.unequal", unequal)
    records = noisy(study, np.random.default_rng(1))
    analysis = analyse(study, records, {"aligned": certificate(study)})
    assert told == [15]
    assert analysis.warnings == ("The threads differ.", "The data differ.")
    assert (analysis.stamp, analysis.stamp_reason) == ("UNVERIFIED", "The data differ.")


def test_each_variant_needs_a_certificate_of_its_model():
    model = a_model(5)
    wide = Variant("dense=5", {"model": model.to_data()})
    study = a_study(variants=(BASE, wide))
    one = certificate(study)
    assert analyse(study, [], {"base": one, "dense=5": one}).stamp == "UNVERIFIED"
    theirs = certificate(study, spec={"hash": model.hash})
    assert analyse(study, [], {"base": one, "dense=5": theirs}).stamp == "VERIFIED"


def test_a_folder_is_analysed(tmp_path):
    study = a_study(seeds=3)
    records = noisy(study, np.random.default_rng(9))
    folder = StudyFolder(tmp_path / "study")
    with folder.opened(study):
        for cell, record in zip(study.cells(), records, strict=True):
            folder.write(record, cell)
        folder.write_certificate("base", certificate(study))
    analysis = analyse_folder(folder)
    assert analysis == analyse(study, records, {"base": certificate(study)})
    assert analysis.stamp == "VERIFIED"
    damaged = folder.path / next(study.cells()).path
    damaged.write_text("{")
    first, second = analyse_folder(folder).warnings
    assert "the cell counts as not run" in first
    assert second == "1 of 9 cells have not run: a, base, seed 0."

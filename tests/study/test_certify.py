"""Certificates across Pythons: those of ``verify``, from tensors that workers write."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.conformance.page import page
from polyframe.conformance.subject import subject_of
from polyframe.conformance.verify import runs_of, verify
from polyframe.errors import BackendError, PolyframeError
from polyframe.io.json_csv import to_json
from polyframe.study.certify import certificate_hash, certify, recipe_hash
from polyframe.study.jobs import PROTOCOL
from polyframe.study.plan import Contestant, Settings, Skipped, Study, Variant
from polyframe.study.worker import answer

TWO = (Contestant("torch", "torch"), Contestant("mx", "mxnet"))
ALIGNED = Variant("base")
OWN = ("date", "variant", "optimize", "contestants", "recipe", "hash")
"""What a study adds to a certificate, and the date."""
ALONE = """\
import sys
import polyframe as pf
from polyframe.study.certify import certify
from polyframe.study.jobs import Local
from polyframe.study.plan import Contestant, Settings, Study, Variant

contestants = Contestant("one", "torch"), Contestant("other", "torch", sys.executable)
recipe, variant = pf.load_recipe("digits_cnn"), Variant("base")
settings = Settings(1, certify_steps=1)
study = Study(recipe, contestants, (variant,), (0,), settings)
data = certify(study, variant, Local(), lambda text: print(text, file=sys.stderr))
assert data["passed"], data
assert set(data["backends"]) == {"one", "other"}
print(sorted({"torch", "tensorflow", "mxnet"} & set(sys.modules)))
"""


class Here:
    """An executor that answers in this process; ``change`` is called with each answer."""

    def __init__(self, change=lambda job, told: None):
        self.change, self.folder = change, None

    def run(self, jobs, done, tell):
        for job in jobs:
            request = json.loads(json.dumps({"protocol": PROTOCOL, **job.request}))
            self.folder = Path(request["runs"][0]["file"]).parent

            def send(message, job=job):
                tell(job, message)

            told = json.loads(to_json(answer(request, send, (0.0, 0.0))))
            self.change(job, told)
            done(job, told)

    def close(self):
        pass


def study(contestants=TWO, variant=ALIGNED, steps=2, skipped=(), **changes):
    recipe = pf.load_recipe("digits_cnn", changes)
    settings = Settings(2, certify_steps=steps)
    return Study(recipe, contestants, (variant,), (0,), settings, skipped)


@pytest.fixture(scope="module")
def certificate():
    texts, here = [], Here()
    data = certify(study(), ALIGNED, here, texts.append)
    assert not here.folder.exists()
    assert "torch: float32, 2 steps" in texts
    return json.loads(to_json(data))


def test_it_is_that_of_verify(certificate):
    recipe = pf.load_recipe("digits_cnn")
    subject = subject_of(recipe.model, recipe)
    same = json.loads(to_json(verify(subject, ["torch", "mxnet"], 2).to_data()))
    assert certificate["passed"]
    assert certificate["threads"] == 2
    renamed = to_json({k: v for k, v in same.items() if k not in ("date", "threads")})
    mine = {k: v for k, v in certificate.items() if k not in (*OWN, "threads")}
    assert json.loads(renamed.replace('"mxnet"', '"mx"')) == mine
    assert "equal</span>" in page(certificate)


def test_it_says_who_took_part_and_its_hash(certificate):
    assert certificate["hash"] == certificate_hash(certificate)
    assert certificate_hash({**certificate, "date": "1999"}) == certificate["hash"]
    assert certificate_hash({**certificate, "seed": 1}) != certificate["hash"]
    assert certificate["variant"] == "base"
    assert certificate["optimize"] is True
    assert {n: each["backend"] for n, each in certificate["contestants"].items()} == {
        "torch": "torch", "mx": "mxnet",
    }  # fmt: skip
    recipes = [pf.load_recipe("digits_cnn", {"seed": seed}) for seed in (0, 1)]
    assert {recipe_hash(each) for each in recipes} == {certificate["recipe"]}
    other = pf.load_recipe("digits_cnn", {"batch_size": 65})
    assert recipe_hash(other) != certificate["recipe"]


def test_a_tensor_that_differs_fails_it():
    def change(job, told):
        run = 0  # float64
        if job.name != "mx":
            return
        file = Path(job.request["runs"][run]["file"])
        number = told["result"]["runs"][run]["keys"].index([2, "weights", "fc.weight"])
        with np.load(file) as kept:
            arrays = dict(kept)
        arrays[f"a{number}"] = arrays[f"a{number}"] * (1 + 1e-9)
        np.savez(file, **arrays)

    data = certify(study(dtype="float64"), ALIGNED, Here(change))
    missed = [each for each in data["comparisons"] if not each["passed"]]
    assert not data["passed"]
    assert [(m["dtype"], m["pair"], m["name"], m["step"]) for m in missed] == [
        ("float64", ["torch", "mx"], "fc.weight", 2)
    ]


def test_native_semantics_list_what_differs():
    variant = Variant("native", {"semantics": "native"})
    data = certify(study(variant=variant, steps=1), variant, Here())
    assert data["settings"]["semantics"] == "native"
    assert data["native_differences"] == [
        "cross_entropy: the framework's own class on torch, mxnet (loss)",
        "Adam: the framework's own class on torch, mxnet (optimizer)",
    ]


def test_idiomatic_programs_have_a_certificate_of_their_own(certificate):
    variant = Variant("idiomatic", {"optimize": False})
    data = certify(study(variant=variant, steps=1), variant, Here())
    assert data["passed"]
    assert data["optimize"] is False
    for name, programs in data["programs"].items():
        assert programs["float32"] != certificate["programs"][name]["float32"]


def test_what_is_missing_is_told():
    one = study(TWO[:1])
    fails(BackendError, lambda: certify(one, ALIGNED, Here()), "two contestants")
    skipped = study(skipped=(Skipped("mx", "base", "a gap"),))
    fails(BackendError, lambda: certify(skipped, ALIGNED, Here()), "two contestants")

    def stop(job, told):
        told |= {"result": None, "status": "timeout", "error": "took longer than 1 s"}

    message = "certificate of base: torch: failed: took longer than 1 s"
    fails(PolyframeError, lambda: certify(study(steps=1), ALIGNED, Here(stop)), message)

    def other(job, told):
        told["result"]["spec_hash"] = "abc"

    fails(
        PolyframeError,
        lambda: certify(study(steps=1), ALIGNED, Here(other)),
        "reads another spec from the recipe: its hash is 'abc'",
    )

    def lost(job, told):
        Path(job.request["runs"][0]["file"]).unlink()

    fails(
        PolyframeError,
        lambda: certify(study(steps=1), ALIGNED, Here(lost)),
        "all nodes have to see the study's folder",
    )


def test_float32_needs_float64_and_the_first_is_its_own_twin():
    assert [tuple(run) for run in runs_of(("float32",), 0)] == [
        ("float64", False), ("float64", True), ("float32", False), ("float32", True)
    ]  # fmt: skip
    assert [tuple(run) for run in runs_of(("float64",), 1)] == [("float64", False)]


def test_the_study_imports_no_framework(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", ALONE],
        capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False,
    )  # fmt: skip
    assert told.stdout.strip() == "[]", told.stderr[-2000:]
    assert "one: float64, 1 steps, from weights that are moved a little" in told.stderr
    assert list(tmp_path.iterdir()) == []

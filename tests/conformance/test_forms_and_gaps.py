"""Every form is run, of losses and optimizers, too; gaps of them; what came later."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS
from test_conformance import changed, of

import polyframe as pf
from polyframe import conformance
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.table import Entry, Form
from polyframe.contract import registry
from polyframe.contract.gaps import Gap, Witness
from polyframe.errors import BackendError, ConformanceError
from polyframe.io.version import newer
from polyframe.spec.element import define
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("family", "known"), [("losses", Loss), ("optimizers", Optimizer)]
)
def test_every_form_is_run(family, known, backend):
    entries = registry.get(backend).entries
    wanted = {
        (word, form.name) for word in known.registry for form in entries[word].forms
    }
    forms = {
        (check.entry, check.what.partition(",")[0])
        for check in conformance.checks(backend, [family])
    }
    assert forms == wanted
    assert len(wanted) > len(known.registry) or family == "losses"


def test_a_form_that_is_not_chosen_is_checked():
    torch = registry.get("torch")
    fused, native = torch.table["SGD"].forms

    def wrong(view):
        code = native.write(view)
        return dataclasses.replace(
            code, make=dataclasses.replace(code.make, function="torch.optim.Adam")
        )

    forms = (fused, dataclasses.replace(native, write=wrong))
    poor = changed("torch", table={**torch.table, "SGD": Entry(forms)})
    texts = []
    for check in of(poor, "SGD", ["optimizers"]):
        if check.what == "fused, sgd, lr=0.1":
            check.run()
        if check.what == "native, sgd, lr=0.1":
            with pytest.raises(ConformanceError) as caught:
                check.run()
            texts.append(str(caught.value))
    assert texts and all("weights after 50 steps" in t or "float32" in t for t in texts)


# --- witnesses of losses and optimizers ------------------------------------------------


def shut(word, right):
    """PyTorch with an entry that holds nowhere, and is wrong unless it is ``right``."""
    torch = registry.get("torch")
    forms = torch.table[word].forms[-1:]
    if not right:
        other = torch.table["l1" if word == "mse" else "Adam"].forms[-1]
        forms = (other,)
    closed = tuple(dataclasses.replace(f, when=lambda view: False) for f in forms)
    shapes = ((4,),) if word == "mse" else ()
    gap = Gap((word,), "upstream", "It is off.", Witness(inputs=shapes))
    return changed("torch", table={**torch.table, word: Entry(closed)}, gaps=(gap,))


@pytest.mark.parametrize("word", ["mse", "SGD"])
def test_a_gap_of_a_loss_or_an_optimizer_may_have_a_witness(word):
    wrong, right = shut(word, False), shut(word, True)
    for check in of(wrong, word, ["gaps"]):
        check.run()
    (_, healed) = of(right, word, ["gaps"])
    fails(ConformanceError, healed.run, "the gap has healed, remove it")


# --- what came later -------------------------------------------------------------------


@pytest.fixture
def layer():
    """A layer that polyframe has since its next version."""

    @define
    class Fresh(Layer):
        """An example."""

        since = "9.0"
        examples = (({}, ((3,),)),)

        def infer(self, *shapes):
            return shapes[0]

        def define(self, at, *x):
            return x[0]

    yield Fresh
    del Layer.registry["Fresh"]


def test_a_layer_that_came_later_is_a_gap_and_no_failure(layer):
    old = changed("torch", written_for="0.1")
    (check,) = of(old, "Fresh", ["gaps"])
    check.run()
    reason = "it came with polyframe 9.0, after this backend, which is for 0.1 (later)"
    assert old.reasons["Fresh"] == reason
    spec = pf.Sequential([layer(name="it")], (3,), name="net")
    fails(pf.UnsupportedError, lambda: pf.compile(spec, old), f"it (Fresh): {reason}")
    rest = [c for c in conformance.checks(old, ["layers"]) if c.entry == "Fresh"]
    assert not rest


def test_of_a_backend_that_is_newer_it_is_missed(layer):
    for version in ("9.0", "9.1", "10"):
        (check,) = of(changed("torch", written_for=version), "Fresh", ["gaps"])
        fails(ConformanceError, check.run, "neither written nor in gaps.yaml")


def test_once_it_is_written_nothing_is_later(layer):
    code = entry(Code("{0}"))
    table = {**registry.get("torch").table, "Fresh": code}
    written = changed("torch", table=table, written_for="0.1")
    assert "Fresh" not in written.reasons
    x = np.ones((2, 3))
    model = pf.compile(pf.Sequential([layer(name="it")], (3,), name="net"), written)
    assert np.array_equal(model.predict(x), x)
    for check in of(written, "Fresh", ["gaps"]):
        check.run()


def test_an_entry_that_is_newer_than_its_backend_says_is_a_contradiction():
    torch = registry.get("torch")
    late = dataclasses.replace(torch.table["ReLU"], since="0.2")
    odd = changed("torch", table={**torch.table, "ReLU": late}, written_for="0.1")
    (check,) = of(odd, "ReLU", ["gaps"])
    text = "is from 0.2, but the backend was written for 0.1"
    fails(ConformanceError, check.run, text)


def test_versions_are_numbers():
    assert newer("0.10", "0.9") and newer("1", "0.9.9") and newer("0.1.1", "0.1")
    assert not newer("0.1.0", "0.1") and not newer("0.1", "0.1.0")


def test_a_form_may_not_be_named_twice_by_accident():
    """Forms are asked for by name, so each entry's names differ."""
    for backend in BACKENDS:
        for word, one in registry.get(backend).entries.items():
            names = [form.name for form in one.forms]
            assert len(names) == len(set(names)), (backend, word)
            assert all(isinstance(form, Form) for form in one.forms)


def test_a_kind_of_gap_that_is_not_known_is_refused(tmp_path):
    from polyframe.contract.gaps import load_gaps

    path = tmp_path / "gaps.yaml"
    path.write_text("[{entries: [ReLU], kind: later, reason: It is new.}]")
    (gap,) = load_gaps(path)
    assert gap.text == "It is new. (later)"
    path.write_text("[{entries: [ReLU], kind: soon, reason: It is new.}]")
    fails(
        BackendError, lambda: load_gaps(path), "kind is none of ours, upstream, never"
    )

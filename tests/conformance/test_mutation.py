"""A sample of the mutants; `python -m mutation` in this folder runs all of them."""

from __future__ import annotations

import random

import pytest
from mutation.harness import Hand, Task, every, survivors
from mutation.report import LEAST, Reasons
from mutation.unit import Unit, UnrepeatableError
from mutation.units import own_units, runner, texts, units, unreached

import polyframe as pf
from polyframe.contract import registry

SAMPLE = {"torch": 80, "mxnet": 60, "tensorflow": 40}
CHEAP = 30  # units of a backend from which a sample is drawn
OWN, SHARE = 8, 0.2  # units of native semantics' own forms, and their share of mutants


def drawn(backend, count):
    """That many mutants of some units, from a fixed seed; a fifth of them of the losses,
    optimizers and steps that native semantics take."""
    rng = random.Random(7)
    own = list(own_units(backend))
    others = [unit for unit in units(backend) if unit not in own]
    chosen: dict = {}
    for among, size, share in ((others, CHEAP, 1 - SHARE), (own, OWN, SHARE)):
        held = every([backend], rng.sample(among, size))
        order = sorted(held, key=lambda m: (m.text, m.start, m.new))
        some = rng.sample(order, min(round(share * count), len(order)))
        chosen |= {mutant: held[mutant] for mutant in some}
    return chosen


@pytest.mark.parametrize("backend", SAMPLE)
def test_a_sample_of_mutants_is_caught(backend):
    held = drawn(backend, SAMPLE[backend])
    verdicts, reasons = survivors(held), Reasons.load()
    left = [mutant for mutant, how in verdicts.items() if how is None]
    assert len(left) <= 2 * (1 - LEAST) * len(held) + 2
    open_ = [mutant for mutant in left if not reasons.of(mutant, held[mutant])]
    if open_:  # units that were not drawn may hold the same text
        everywhere = every([backend])
        again = survivors({mutant: everywhere[mutant] for mutant in open_})
        open_ = [mutant.marked for mutant, how in again.items() if how is None]
    assert not open_, "survivors without a reason in mutation/survivors.yaml"


@pytest.mark.full
def test_nearly_all_mutants_are_caught():
    held = every(registry.backends())
    verdicts, reasons = survivors(held), Reasons.load()
    left = [mutant for mutant, how in verdicts.items() if how is None]
    assert len(left) <= (1 - LEAST) * len(verdicts)
    assert not [m.marked for m in left if not reasons.of(m, held[m])]


def test_what_is_written_passes_and_an_obvious_mutant_does_not():
    unit = Unit("torch", "layers", "LeakyReLU", "native")
    known = runner(unit)  # raises if the program as written cannot be repeated
    (text,) = [text for text in texts(unit) if "class Around" in text]
    from mutation.points import mutants

    slopes = [m for m in mutants("torch", text) if "negative_slope" in m.lines[0]]
    assert slopes
    assert all(known.check(mutant) for mutant in slopes)


def test_a_program_that_is_not_what_is_written_by_hand_gives_no_verdicts():
    from mutation.points import mutants

    unit = Unit("torch", "own optimizers", "Adadelta", "own class", semantics="native")
    (text, *_) = [text for text in texts(unit) if "def make_optimizer" in text]
    mutant = mutants("torch", text)[0]
    assert runner(unit).check(mutant)
    known = runner(unit)
    known.rule = lambda run: pf.Adadelta(0.5).resolve({})
    with pytest.raises(
        UnrepeatableError, match="by hand it is different: the rate as made"
    ):
        known.check(mutant)


def test_a_process_that_cannot_repeat_its_program_is_made_anew_and_then_an_error():
    """An earlier mutant may have broken the framework; with none, nothing is caught."""

    class Told(Hand):
        replies = [
            ("ready", None), ("verdict", "by it"), ("failed", "first"),
            ("ready", None), ("failed", "again"),
        ]  # fmt: skip
        sent, line = [], None

        def begin(self):
            self.process, self.line, self.done = self, self, 0

        def end(self):
            self.process = None

        def send(self, task):
            self.sent.append(list(task[1]))

        def hear(self, limit):
            return self.replies.pop(0)

    hand = Told(["torch"])
    with pytest.raises(RuntimeError, match="again"):
        hand.run(Task(Unit("torch", "own step", "train_step"), ["a", "b", "c"]))
    assert hand.sent == [["a", "b", "c"], ["b", "c"]]


@pytest.mark.parametrize("backend", SAMPLE)
def test_every_form_is_mutated(backend):
    """But for those of a GPU, which no example takes here."""
    forms = {name for _, name in unreached(backend)}
    assert not forms, forms
    assert registry.get(backend).probe().usable

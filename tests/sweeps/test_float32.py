"""float32, as people run it: every loss × reduction × weights × kind of targets, every
optimizer, training setting, augmentation and precision, on every backend.

Each configuration trains a tiny net for some steps and is compared with NumPy in float64;
conformance/rounding.py says which bound and why.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from helpers import float32_cases as cases
from helpers.support import BACKENDS, keep_counts, within

import polyframe as pf
from polyframe.conformance import losses as loss_suite
from polyframe.conformance.feature_cases import CASES
from polyframe.conformance.measurements import Bound, Measurement, scaled_distance
from polyframe.conformance.rounding import (
    LEAST,
    bound_of,
    changes,
    distances_of,
    model_of,
    rounded_fit,
    sizes,
)
from polyframe.conformance.subject import NUDGE
from polyframe.conformance.suite import precisions
from polyframe.contract.registry import get
from polyframe.errors import PolyframeError
from polyframe.spec.complex_steps import STEP, Analytic

AT_LEAST = 130
"""So many configurations a backend there are at least."""
SAMPLED = {
    "optimizers": ("adamw", "lamb"),
    "settings": ("all together",),
    "augmentations": ("Mixup", "RandomCrop"),
}
"""What ``make test`` takes of each family: the first whose name begins so."""


def tower_errors(backend, group):
    """The towers of one program: without sample weights, then with them."""
    x = pf.Input(cases.SHAPE, name="x")
    net = pf.ModelSpec(x, [tower.build(x) for tower in group], name="towers")
    losses = [tower.loss for tower in group]
    model = pf.compile(net, backend, losses, cases.OPTIMIZER, device="cpu")
    initial, y = model.weights(), [tower.y for tower in group]
    for weighted in (False, True):
        model.load_weights(initial)
        given = cases.batches(cases.inputs(), y if len(y) > 1 else y[0], weighted)
        totals = [
            model.train_step(*batch[:2], sample_weight=batch[2] if weighted else None)
            for batch in given
        ]
        after = changes(model.weights(), initial)
        exact = [tower.trained(weighted) for tower in group]
        for tower, trained in zip(group, exact, strict=True):
            wanted = changes(trained.weights, trained.initial)
            scales = sizes(trained.weights, "weights")
            own = {name: after[name] for name in wanted}
            found, grown = distances_of(own, wanted, scales), {}
            if max(found.values()) > LEAST:
                twin = tower.trained(weighted, NUDGE)
                moved = changes(twin.weights, twin.initial)
                grown = distances_of(moved, wanted, scales)
            bound = bound_of(grown)
            for name, value in found.items():
                yield Measurement(
                    "weights", f"{tower.loss.type}", backend,
                    f"{tower.loss!r}, {tower.targets}, {tower.shape}, weighted={weighted}, "
                    f"{name}", value, bound,
                )  # fmt: skip
        for step, total in enumerate(totals):
            each = np.array([trained.step_losses[step] for trained in exact])
            apart = scaled_distance(total, each.sum(), np.abs(each).sum())
            detail = f"step {step}, weighted={weighted}"
            bound = Bound(2.0**-18, "float32: 64 roundings of the sum of all losses")
            yield Measurement(
                "losses", group[0].loss.type, backend, detail, apart, bound
            )


class Sweep:
    """One backend's configurations; what disagrees is kept, to be told at the end."""

    def __init__(self, backend):
        self.backend, self.wrong = backend, []
        self.counts = Counter()

    def take(self, family, name, measurements, count=1):
        """Run and check one configuration, or ``count`` that stand in one program."""
        try:
            for m in measurements:
                detail = (m.entry, m.backend, m.what, m.detail)
                within(f"float32 sweep: {family}", m.value, m.bound.value, detail)
        except (AssertionError, PolyframeError) as error:
            self.wrong.append(f"{family}, {name}: {error}")
        except Exception as error:  # a framework's
            self.wrong.append(f"{family}, {name}: {type(error).__name__}: {error}")
        self.counts[family] += count

    def losses(self, groups):
        for word, group in groups:
            count = 2 * len(group)
            self.take("losses", word, tower_errors(self.backend, group), count)

    def trainings(self, family, chosen, precision=None):
        backend = get(self.backend)
        for name, case in chosen.items():
            label = name if precision is None else f"{precision}, {name}"
            self.take(
                family, label, rounded_fit(backend, case, label, "cpu", precision)
            )

    def augmentations(self, chosen):
        """All of one net are trained with one model, which is set back each time."""
        models = {}
        for name, case in chosen.items():
            if case.net not in models:
                model = model_of(get(self.backend), case, "cpu", "float32")
                models[case.net] = model, model.weights(), model.learning_rate
            model, initial, rate = models[case.net]
            model.load_weights(initial)
            model.load_training_state(model.training_state(), 0, 0)
            model.learning_rate, model.preprocessing = rate, ()
            errors = rounded_fit(get(self.backend), case, name, "cpu", None, model)
            self.take("augmentations", name, errors)

    def finish(self):
        wrong = "\n".join(self.wrong)
        assert not self.wrong, f"{len(self.wrong)} disagree on {self.backend}:\n{wrong}"
        return sum(self.counts.values())


def chosen_of(family, everything):
    """The sample of a family."""
    return {
        next(name for name in everything if name.startswith(start)): None
        for start in SAMPLED[family]
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sample(backend):
    sweep = Sweep(backend)
    groups = dict(cases.tower_groups())
    sweep.losses([("cross_entropy", groups["cross_entropy"][-4:])])
    for family, everything in cases.plain_cases().items():
        names = chosen_of(family, everything)
        sweep.trainings(family, {name: everything[name] for name in names})
    augmented = cases.augmentations()
    names = chosen_of("augmentations", augmented)
    sweep.augmentations({name: augmented[name] for name in names})
    assert sweep.finish() == 8 + sum(map(len, SAMPLED.values()))


@pytest.mark.full
@pytest.mark.parametrize("backend", BACKENDS)
def test_everything(backend):
    sweep = Sweep(backend)
    sweep.losses(cases.tower_groups())
    for family, everything in cases.plain_cases().items():
        sweep.trainings(family, everything)
    sweep.augmentations(cases.augmentations())
    for precision in precisions(get(backend), "cpu"):
        sweep.trainings("precisions", CASES, precision)
    keep_counts(
        "float32 sweep", {f"{f}, {backend}": n for f, n in sweep.counts.items()}
    )
    assert sweep.finish() >= AT_LEAST


def test_the_oracle_differentiates_every_loss():
    """Its complex steps give what differences in long doubles give."""
    for case in loss_suite.cases((1, 3)):
        y = loss_suite.targets(case)
        x = loss_suite.outputs(case.shape, "usual", seed=7)
        gradient = np.zeros(x.shape)
        for index in np.ndindex(x.shape[1:]):
            where = (slice(None), *index)
            analytic = x.astype(complex).view(Analytic)
            analytic[where] += 1j * STEP
            gradient[where] = case.loss.define(analytic, y).imag / STEP
        wanted = loss_suite.numerical_gradients(case.loss, x, y)
        apart = loss_suite.relative_distance(gradient, wanted)
        within("losses: complex steps against differences", apart, 1e-8, (case.loss,))


def test_what_is_wrong_or_does_not_run_is_told(monkeypatch):
    """Weights that are off by some units, and a framework's own error."""
    sweep, (word, group) = Sweep("torch"), cases.tower_groups()[0]
    real = cases.Tower.trained

    def another(tower, weighted, units=0):
        trained = real(tower, weighted, units)
        trained.weights = {n: w * (1 + 1e-5) for n, w in trained.weights.items()}
        return trained

    def broken():
        raise RuntimeError("no such kernel")
        yield

    sweep.losses([(word, group[:2])])
    assert not sweep.wrong
    monkeypatch.setattr(cases.Tower, "trained", another)
    sweep.losses([(word, group[:2])])
    sweep.take("settings", "ema", broken())
    with pytest.raises(AssertionError, match="2 disagree on torch") as caught:
        sweep.finish()
    for text in (
        "losses, binary_cross_entropy: ",
        "settings, ema: RuntimeError: no such",
    ):
        assert text in str(caught.value)

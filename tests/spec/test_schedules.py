"""Schedules against PyTorch's, closed formulas, and what must hold of all of them."""

from __future__ import annotations

import math

import pytest
import torch
from helpers.failing import fails
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as theirs

import polyframe as pf
from polyframe.spec.schedules import (
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    ExponentialSchedule,
    MultiStepSchedule,
    OneCycleSchedule,
    PolynomialSchedule,
    ReduceOnPlateauSchedule,
    Schedule,
    StepSchedule,
)

often = settings(max_examples=60, deadline=None, derandomize=True, database=None)
LR = 0.3
FRACTION = st.floats(0, 1)
GAMMA = st.floats(0.05, 1)
TIME = st.floats(0.01, 30)
FIELDS = {
    "constant": {},
    "step": {"every": TIME, "gamma": GAMMA},
    "multi_step": {"milestones": st.lists(TIME, min_size=1, max_size=4)},
    "exponential": {"gamma": GAMMA},
    "polynomial": {"power": st.floats(0.1, 5), "end": FRACTION},
    "cosine": {"end": FRACTION},
    "cosine_restarts": {"period": TIME, "mult": st.integers(1, 3), "end": FRACTION},
    "one_cycle": {
        "pct_start": FRACTION,
        "div": st.floats(1, 100),
        "final_div": st.floats(1, 1e5),
        "anneal": st.sampled_from(["cos", "linear"]),
    },
    "reduce_on_plateau": {
        "gamma": GAMMA,
        "patience": st.integers(0, 3),
        "cooldown": st.integers(0, 2),
        "least": FRACTION,
    },
}
SMOOTH = {"constant", "polynomial", "cosine", "one_cycle"}
ANY = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda word: st.fixed_dictionaries({"type": st.just(word), **FIELDS[word]})
)
LOSSES = st.lists(st.sampled_from([math.nan, 1.0, 1.5, 1.99, 2.0]), max_size=30)


def rows_of(values, key="val_loss"):
    return [{"epoch": float(i + 1), key: value} for i, value in enumerate(values)]


def torch_rates(make, steps, feed=None):
    """The rate of each step under one of PyTorch's schedulers."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], LR)
    scheduler = make(optimizer)
    rates = []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*(() if feed is None else (feed[step],)))
    return rates


def close(actual, wanted):
    assert actual == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_every_schedule_is_tested_here():
    assert set(Schedule.registry) == set(FIELDS)


# --- what holds of all -----------------------------------------------------------


@often
@given(ANY, TIME, TIME, LOSSES)
def test_factors_lie_between_0_and_1(fields, at, total, losses):
    schedule = Schedule.parse(fields)
    assert 0 <= schedule.factor(at, total, rows_of(losses)) <= 1
    assert 0 <= schedule.factor(0.0, 0.0, ()) <= 1
    if fields["type"] not in ("one_cycle", "multi_step"):
        assert schedule.factor(0.0, total, ()) == 1
    after = schedule.factor(total + at, total, rows_of(losses))
    if fields["type"] in SMOOTH:  # those that know an end stay there
        assert after == schedule.factor(total, total, ())


@often
@given(ANY, st.floats(0.01, 10), FRACTION, FRACTION, st.floats(1, 30), LOSSES)
def test_warm_up_is_a_line_that_ends_where_the_schedule_begins(
    fields, warmup, start, share, rest, losses
):
    rows, total = rows_of(losses), warmup + rest
    plain = Schedule.parse(fields)
    schedule = Schedule.parse(fields | {"warmup": warmup, "warmup_start": start})
    top = plain.rate(LR, 0.0, total - warmup)
    assert schedule.rate(LR, 0.0, total) == LR * start
    low, high = sorted([LR * start, top])
    on_the_way = schedule.rate(LR, share * warmup, total, rows)
    close(on_the_way, LR * start + (top - LR * start) * share)
    assert low - 1e-12 <= on_the_way <= high + 1e-12
    assert schedule.rate(LR, warmup, total) == top
    step = warmup * 1e-6
    apart = abs(schedule.rate(LR, warmup - step, total) - top)
    assert apart <= 1e-6 * LR * (1 + 1e-3)
    # Behind it, the schedule alone, on what is left and what happened since.
    at = warmup + share * rest
    close(
        schedule.rate(LR, at, total, rows),
        plain.rate(LR, at - warmup, total - warmup, rows[math.ceil(warmup) :]),
    )


@often
@given(ANY, st.floats(1, 10), st.floats(1, 4), FRACTION)
def test_a_training_shorter_than_its_warm_up_only_warms_up(fields, total, times, share):
    schedule = Schedule.parse(fields | {"warmup": total * times})
    top = schedule.factor(0.0, 0.0, ())
    rate = schedule.rate(LR, share * total, total)
    close(rate, LR * top * share / times)


@often
@given(
    ANY, st.integers(1, 5000), st.integers(1, 60), st.integers(0, 5000), st.integers(0)
)
def test_rounding_moves_no_border_by_a_step(fields, steps, epochs, warm, index):
    """Warm-up of whole steps: as if the steps after it were the first."""
    warm %= epochs * steps
    index = warm + index % (epochs * steps - warm)
    for key, whole in (("every", 2.0), ("period", 3.0), ("milestones", [2.0, 5.0])):
        fields = fields | {key: whole} if key in fields else fields
    schedule = Schedule.parse(fields | {"warmup": warm / steps})
    rate = schedule.rate(LR, index / steps, epochs)
    plain = Schedule.parse(fields)
    close(rate, plain.rate(LR, (index - warm) / steps, epochs - warm / steps))
    if fields["type"] in ("step", "exponential") and not warm % steps:
        epoch = (index - warm) // steps
        passed = epoch // 2 if fields["type"] == "step" else epoch
        close(rate, LR * fields["gamma"] ** passed)


def test_a_factor_never_sees_less_than_no_time():
    seen = []

    class Probe(ConstantSchedule):
        def factor(self, at, total, rows):
            seen.append((at, total))
            return 1.0

    for at in (0.0, 1.0, 3.0, 5.0):
        Probe(warmup=3).rate(LR, at, 2.0)
    assert seen == [(0, 0), (0, 0), (0, 0), (2, 0)]


def test_a_border_behind_a_warm_up_of_some_steps_is_met_at_its_step():
    schedule = StepSchedule(1, 0.5, warmup=0.3)
    rates = [schedule.rate(1.0, step / 10, 5) for step in range(50)]
    assert 2.3 - 0.3 < 2  # that is what rounding would do
    assert [i for i in range(4, 50) if rates[i] < rates[i - 1]] == [13, 23, 33, 43]
    given = MultiStepSchedule([1, 2], 0.5, warmup=0.3)
    rates = [given.rate(1.0, step / 10, 5) for step in range(50)]
    assert [i for i in range(4, 50) if rates[i] < rates[i - 1]] == [13, 23]
    again = CosineRestartsSchedule(1, warmup=0.3)
    rates = [again.rate(1.0, step / 10, 5) for step in range(50)]
    assert [i for i in range(4, 50) if rates[i] > rates[i - 1]] == [13, 23, 33, 43]
    tenths = CosineRestartsSchedule(0.1)
    assert all(tenths.factor(step / 10, 5, ()) == 1 for step in range(50))
    tenths = CosineRestartsSchedule(0.1, 2)
    starts = [tenths.factor(0.1 * (2**n - 1), 5, ()) for n in range(6)]
    assert starts == pytest.approx([1.0] * 6)


def test_a_default_schedule_leaves_the_rate_alone():
    schedule = Schedule.parse("constant")
    assert schedule == ConstantSchedule()
    assert [schedule.rate(0.1, at, 3.0) for at in (0.0, 0.5, 3.0, 9.0)] == [0.1] * 4
    warm = ConstantSchedule(warmup=2, warmup_start=0.5)
    assert [warm.rate(1.0, at, 9.0) for at in (0.0, 1.0, 2.0, 8.0)] == [0.5, 0.75, 1, 1]


# --- each of them, against PyTorch's ---------------------------------------------


@often
@given(st.integers(1, 7), GAMMA, st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_steps_are_pytorchs(every, gamma, milestones):
    cases = [
        (StepSchedule(every, gamma), lambda o: theirs.StepLR(o, every, gamma)),
        (
            MultiStepSchedule(milestones, gamma),
            lambda o: theirs.MultiStepLR(o, milestones, gamma),
        ),
        (ExponentialSchedule(gamma), lambda o: theirs.ExponentialLR(o, gamma)),
    ]
    for schedule, make in cases:
        wanted = torch_rates(make, 25)
        close([schedule.rate(LR, float(epoch), 25) for epoch in range(25)], wanted)
        # They are steps: an epoch's last step is as its first.
        close([schedule.rate(LR, epoch + 0.999, 25) for epoch in range(25)], wanted)


@often
@given(st.integers(2, 40), st.integers(1, 9), st.floats(0.2, 4), FRACTION)
def test_polynomial_and_cosine_are_pytorchs(steps, epochs, power, end):
    at = [step * epochs / steps for step in range(steps)]
    schedule = PolynomialSchedule(power)
    wanted = torch_rates(lambda o: theirs.PolynomialLR(o, steps, power), steps)
    rates = [schedule.rate(LR, t, epochs) for t in at]
    close(rates, wanted)
    ended = PolynomialSchedule(power, end)
    close([ended.factor(t, epochs, ()) for t in at], [
        end + (1 - end) * rate / LR for rate in wanted
    ])  # fmt: skip
    schedule = CosineSchedule(end)
    wanted = torch_rates(lambda o: theirs.CosineAnnealingLR(o, steps, end * LR), steps)
    rates = [schedule.rate(LR, t, epochs) for t in at]
    assert rates == pytest.approx(wanted, rel=1e-6, abs=1e-9)  # theirs is a recursion


@often
@given(st.integers(1, 6), st.integers(1, 3), FRACTION)
def test_cosine_restarts_are_pytorchs(period, mult, end):
    schedule = CosineRestartsSchedule(period, mult, end)
    wanted = torch_rates(
        lambda o: theirs.CosineAnnealingWarmRestarts(o, period, mult, end * LR), 40
    )
    close([schedule.rate(LR, float(epoch), 40) for epoch in range(40)], wanted)


@often
@given(
    st.integers(1, 60),
    st.integers(1, 9),
    st.floats(0.05, 0.95),
    st.floats(1, 50),
    st.floats(1, 1e5),
    st.sampled_from(["cos", "linear"]),
)
def test_one_cycle_is_pytorchs_with_one_step_more(n, epochs, pct, div, final, anneal):
    schedule = OneCycleSchedule(pct, div, final, anneal)
    wanted = torch_rates(
        lambda o: theirs.OneCycleLR(
            o, LR, total_steps=n + 1, pct_start=(pct * n + 1) / (n + 1),
            anneal_strategy=anneal, cycle_momentum=False, div_factor=div,
            final_div_factor=final,
        ),
        n + 1,
    )  # fmt: skip
    rates = [schedule.rate(LR, step * epochs / n, epochs) for step in range(n + 1)]
    close(rates, wanted)
    assert schedule.rate(LR, 0.0, epochs) == pytest.approx(LR / div)
    assert schedule.rate(LR, pct * epochs, epochs) == pytest.approx(LR)


@pytest.mark.parametrize(("pct", "first", "last"), [(0.0, 1.0, 0.02), (1.0, 0.2, 1.0)])
def test_one_cycle_may_only_fall_or_only_grow(pct, first, last):
    schedule = OneCycleSchedule(pct, 5, 10, "linear")
    assert schedule.factor(0.0, 8.0, ()) == first
    assert schedule.factor(4.0, 8.0, ()) == pytest.approx((first + last) / 2)
    assert schedule.factor(8.0, 8.0, ()) == pytest.approx(last)


@often
@given(
    st.lists(
        st.one_of(
            st.floats(-2, 2),
            st.sampled_from([math.nan, math.inf, 0.0, 1.0, 1 - 1e-4, 1 + 1e-4]),
        ),
        max_size=40,
    ),
    st.sampled_from(["min", "max"]),
    st.floats(0.05, 0.95),
    st.integers(0, 4),
    st.sampled_from([0.0, 1e-4, 0.1]),
    st.integers(0, 3),
    FRACTION,
)
def test_reduce_on_plateau_is_pytorchs(
    values, mode, gamma, patience, delta, cooldown, least
):
    schedule = ReduceOnPlateauSchedule(
        "val_loss", mode, gamma, patience, delta, cooldown, least
    )
    wanted = torch_rates(
        lambda o: theirs.ReduceLROnPlateau(
            o, mode, gamma, patience, delta, "rel", cooldown, least * LR, eps=0
        ),
        len(values) + 1,
        [*values, 0.0],
    )
    rows = rows_of(values)
    rates = [schedule.rate(LR, float(i), 50, rows[:i]) for i in range(len(rows) + 1)]
    close(rates, wanted)


def test_reduce_on_plateau_by_hand():
    schedule = ReduceOnPlateauSchedule(patience=1, gamma=0.5, cooldown=1, min_delta=0)
    losses = [3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]
    factors = [
        schedule.factor(float(n), 20, rows_of(losses[:n]))
        for n in range(len(losses) + 1)
    ]
    assert factors == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125]


@pytest.mark.parametrize(
    ("monitor", "values", "factor"),
    [
        ("val_accuracy", [0.1, 0.2, 0.3], 1.0),
        ("val_accuracy", [0.3, 0.2, 0.1], 0.01),
        ("top_3_accuracy", [0.1, 0.2, 0.3], 1.0),
        ("f1_micro", [0.1, 0.2, 0.3], 1.0),
        ("loss", [0.1, 0.2, 0.3], 0.01),
        ("val_mae", [0.3, 0.2, 0.1], 1.0),
    ],
)
def test_mode_auto_knows_what_is_better(monitor, values, factor):
    schedule = ReduceOnPlateauSchedule(monitor, patience=0)
    assert schedule.factor(3.0, 9.0, rows_of(values, monitor)) == pytest.approx(factor)


def test_epochs_of_the_warm_up_are_not_on_the_plateau():
    schedule = ReduceOnPlateauSchedule(patience=0, warmup=1.5)
    assert schedule.rate(1.0, 2.0, 9.0, rows_of([1, 2])) == 1
    assert schedule.rate(1.0, 3.0, 9.0, rows_of([1, 2, 3])) == 1
    assert schedule.rate(1.0, 4.0, 9.0, rows_of([1, 2, 3, 3])) == pytest.approx(0.1)


# --- errors ----------------------------------------------------------------------

ERRORS = [
    (lambda: Schedule.parse("cosin"), "schedule: unknown schedule 'cosin'. Did you mean "
     "'cosine'? (known: constant, cosine, cosine_restarts, exponential, multi_step, "),
    (lambda: Schedule.parse("step"), "schedule: step: field 'every' is missing"),
    (lambda: Schedule.parse({"type": "cosine", "warmups": 3}), "schedule: cosine: has no "
     "field 'warmups'. Did you mean 'warmup'? (fields: end, warmup, warmup_start)"),
    (lambda: StepSchedule(0),
     "step: every is 0; a finite number at least 1e-06 is needed"),
    (lambda: StepSchedule(2, 0),
     "step: gamma is 0; a finite number above 0 and at most 1 is needed"),
    (lambda: MultiStepSchedule([]),
     "multi_step: milestones is []; a list, 1 or more, each a finite number at least 0"),
    (lambda: MultiStepSchedule([3, -1]), "multi_step: milestones is [3, -1]; a list, 1 "),
    (lambda: ExponentialSchedule(1.1), "exponential: gamma is 1.1; a finite number above"),
    (lambda: PolynomialSchedule(0), "polynomial: power is 0; a finite number above 0 is"),
    (lambda: CosineSchedule(2), "cosine: end is 2; a finite number at least 0 and at most"),
    (lambda: CosineRestartsSchedule(5, 1.5),
     "cosine_restarts: mult is 1.5; a whole number from 1 to 16777216 is needed"),
    (lambda: OneCycleSchedule(anneal="cosine"),
     "one_cycle: anneal is 'cosine'; 'cos' or 'linear' is needed"),
    (lambda: OneCycleSchedule(div=0), "one_cycle: div is 0; a finite number at least 1 is"),
    (lambda: ConstantSchedule(warmup=-1),
     "constant: warmup is -1; a finite number at least 0 is needed"),
    (lambda: ConstantSchedule(3), "constant: takes at most 0 positional values, got 1"),
    (lambda: ReduceOnPlateauSchedule(patience=-1), "reduce_on_plateau: patience is -1; a "),
    (lambda: ReduceOnPlateauSchedule("seconds"),
     "reduce_on_plateau: mode is 'auto', but whether 'seconds' is to grow is not known "
     "(mode: min or max)"),
    (lambda: ReduceOnPlateauSchedule("confusion_matrix"), "whether 'confusion_matrix' is"),
    (lambda: ReduceOnPlateauSchedule().rate(1.0, 1.0, 9.0, [{"loss": 1.0, "lr": 0.1}]),
     "reduce_on_plateau: monitor is 'val_loss', which is not a number of this training. "
     "Did you mean 'loss'? (known: loss, lr; val_… needs validation data)"),
    (lambda: ReduceOnPlateauSchedule("f1", "max").rate(1.0, 1.0, 9.0, [{"f1": [1]}]),
     "reduce_on_plateau: monitor is 'f1', which is not a number of this training."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    fails(pf.SpecError, call, message)


@often
@given(ANY, st.floats(0, 5))
def test_fields_in_plain_data(fields, warmup):
    schedule = Schedule.parse(fields | {"warmup": warmup})
    assume(schedule.options())
    again = Schedule.parse({"type": schedule.type, **schedule.options()})
    assert again == schedule and hash(again) == hash(schedule)

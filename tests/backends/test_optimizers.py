"""Every optimizer: its state goes from backend to backend, its rule is PyTorch's (or
Keras's, or MXNet's), and it works with the rest of a step.

That 50 steps are the rule's on each backend, and 8 in float32, is the suite's to say
(tests/conformance/test_conformance_training.py).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect

import numpy as np
import pytest
from helpers.failing import fails
from helpers.feature_oracle import EXACT, Case, Trainer, agree, compiled
from helpers.support import BACKENDS, within, worst

import polyframe as pf
from polyframe.conformance.rules import rules
from polyframe.contract import registry
from polyframe.errors import SpecError
from polyframe.spec.optimizers import Optimizer

STEPS, CHANGE, SAVED, SLOWER = 14, 9, 6, 0.3
RULES = rules()
FAMILY = "optimizers: steps from another backend's state"


def small():
    """Weights and a bias that learn, beside some with a norm of 0, or no gradient."""
    x = pf.Input((4,))
    dead = pf.Dense(3, weight_init="zeros", bias_init=pf.Constant(-1.0), name="dead")
    learns = pf.Dense(3, bias_init="zeros", name="fc")
    return pf.ModelSpec(x, pf.Add()(learns(x), pf.ReLU()(dead(x))), name="small")


NET = small()


def samples():
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 4)), rng.integers(0, 3, 8)


class Ruled(Trainer):
    """Steps of the rule itself, which knows what ``decay_on`` means, on the definitions'
    gradients."""

    def __init__(self, rule):
        super().__init__(NET, "cross_entropy", rule)

    def rule(self, name):
        return self.optimizer


@functools.cache
def trained(rule):
    """All steps in NumPy."""
    trainer = Ruled(rule)
    for step in range(STEPS):
        if step == CHANGE:
            trainer.lr *= SLOWER
        trainer.take(samples())
    return trainer


def go_on(model, first):
    """The steps from ``first`` on; what the model kept before step SAVED."""
    saved = None
    for step in range(first, STEPS):
        if step == CHANGE:
            model.learning_rate *= SLOWER
        if step == SAVED:
            saved = model.weights(), model.training_state()
        model.train_step(*samples())
    return saved


def check(family, model, trainer, bound, detail):
    apart = worst(model.weights(), trainer.weights)
    within(family, apart[0], bound, (*detail, apart[1]))
    if trainer.optimizer.state:
        apart = worst(model.training_state(), trainer.training_state())
        within(family, apart[0], bound, (*detail, apart[1]))


def test_every_optimizer_is_among_the_rules():
    assert {rule.type for rule in RULES.values()} == set(Optimizer.registry)


# Those of plain defaults are for the full run, but for one.
EACH = [
    pytest.param(name, marks=[] if "," in name else pytest.mark.full) for name in RULES
]


@pytest.mark.parametrize("name", EACH)
def test_another_backend_goes_on_from_the_state(name):
    """Six steps here and eight there are the rule's fourteen, with a change of the rate
    in between, and with weights of norm 0 and without a gradient."""
    rule, models, saved = RULES[name], {}, {}
    for backend in BACKENDS:
        models[backend] = compiled(backend, NET, optimizer=rule)
        saved[backend] = go_on(models[backend], 0)
        check(FAMILY, models[backend], trained(rule), EXACT, (rule.type, backend, name))
    for backend, there in zip(BACKENDS, BACKENDS[1:] + BACKENDS[:1]):
        model, (weights, state) = models[backend], saved[there]
        model.load_weights(weights)
        model.load_training_state(state, SAVED, 0)
        again = model.training_state()
        assert set(again) == set(state) and bool(state) == bool(rule.resolve({}).state)
        assert all(np.array_equal(again[key], state[key]) for key in state)
        model.learning_rate = rule.resolve({}).lr
        go_on(model, SAVED)
        check(FAMILY, model, trained(rule), EXACT, (rule.type, backend, name, there))


# --- what the rules mean -----------------------------------------------------------

NATIVE = {"RMSProp": "RMSprop"}


def arrays(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("name", RULES)
def test_the_rules_are_pytorchs(name):
    """50 random gradients, with PyTorch's counters in float64, too."""
    import torch

    rule = RULES[name].resolve({})
    make = getattr(torch.optim, NATIVE.get(rule.type, rule.type), None)
    if make is None:
        assert rule.type in ("LAMB", "LARS", "Lion")
        return
    options = {field: value for field, (value, _) in rule.settings().items()}
    if "beta1" in options:
        options["betas"] = options.pop("beta1"), options.pop("beta2")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        (w,) = arrays(0, (3, 2))
        parameter = torch.nn.Parameter(torch.from_numpy(w.copy()))
        theirs, state = make([parameter], lr=rule.lr, **options), rule.start(w)
        for step in range(1, 51):
            (g,) = arrays(step, (3, 2))
            parameter.grad = torch.from_numpy(g)
            theirs.step()
            w = rule.define(w, g, state, rule.lr, step)
    finally:
        torch.set_default_dtype(before)
    kept = theirs.state[parameter]
    assert set(rule.state) <= set(kept)
    agree({"w": parameter.detach().numpy()}, {"w": w}, name)
    if state:
        agree({key: kept[key].numpy() for key in state}, state, name)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_lion_is_kerass(decay):
    import keras

    rule = pf.Lion(0.01, weight_decay=decay).resolve({})
    w = arrays(0, (3, 2))[0].astype("float32")
    variable, state = keras.Variable(w), rule.start(w)
    theirs = keras.optimizers.Lion(0.01, weight_decay=decay)
    for step in range(1, 21):
        g = arrays(step, (3, 2))[0].astype("float32")
        theirs.apply([g], [variable])
        w = rule.define(w, g, state, 0.01, step)
    assert np.abs(np.array(variable) - w).max() <= 1e-6


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("rule", [pf.LAMB, pf.LARS])
def test_lamb_and_lars_are_mxnets(rule, decay):
    """In float32, and at a constant rate: MXNet's LARS keeps it in its velocity."""
    from polyframe.backends.gluon.runtime import mx

    rule = rule(0.1, weight_decay=decay).resolve({})
    more = {} if rule.type == "LAMB" else {"momentum": rule.momentum}
    theirs = getattr(mx.optimizer, rule.type)(learning_rate=0.1, wd=decay, **more)
    theirs.idx2name = {0: "weight"}
    w = arrays(0, (3, 2))[0].astype("float32")
    native, state = mx.nd.array(w), rule.start(w)
    kept = theirs.create_state(0, native)
    for step in range(1, 21):
        g = arrays(step, (3, 2))[0].astype("float32")
        theirs.update([0], [native], [mx.nd.array(g)], [kept])
        w = rule.define(w, g, state, 0.1, step)
    assert np.abs(native.asnumpy() - w).max() <= 1e-5


def test_what_decay_on_leaves_out_has_no_rate_of_its_own():
    w, g = arrays(0, (5,), (5,))
    for rule, core in (
        (pf.LAMB(0.1, weight_decay=0.1, decay_on="kernels"), pf.Adam(0.1, eps=1e-6)),
        (pf.LARS(0.1, weight_decay=0.1, decay_on="kernels"), pf.SGD(0.1, momentum=0.9)),
    ):
        ends = []
        for one in (rule.resolve({}), core.resolve({})):
            ends.append(one.define(w, g, one.start(w), 0.1, 1))
        agree({"w": ends[0]}, {"w": ends[1]})
        matrix = w[:, None]
        resolved = rule.resolve({})
        other = resolved.define(matrix, g[:, None], resolved.start(matrix), 0.1, 1)
        assert np.abs(other[:, 0] - ends[0]).max() > 1e-3


def test_options_that_exclude_each_other():
    fails(SpecError, lambda: pf.SGD(nesterov=True), "SGD: nesterov needs a momentum")
    fails(
        SpecError,
        lambda: pf.SGD(momentum=0.9, nesterov=True, dampening=0.1),
        "SGD: nesterov needs a dampening of 0",
    )


VECTORS = [
    (pf.PReLU(4, name="v"), (4, 3, 3)), (pf.PReLU(name="v"), (3,)),
    (pf.Scale(axis=2, bias=True, name="v"), (2, 3, 4)),
    (pf.RMSNorm(axes=1, name="v"), (3, 4)), (pf.LayerNorm(axes=1, name="v"), (3, 4, 2)),
    (pf.GroupNorm(2, name="v"), (4, 3, 3)), (pf.BatchNorm(name="v"), (3, 4, 2)),
    (pf.InstanceNorm(affine=True, name="v"), (3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_vectors_of_every_layer_are_no_kernels(backend):
    """Whatever array the framework keeps them in: at no gradient only decay moves them."""
    sources = [pf.Input(shape, name=f"x{i}") for i, (_, shape) in enumerate(VECTORS)]
    ends = []
    for i, ((layer, _), x) in enumerate(zip(VECTORS, sources)):
        layer = dataclasses.replace(layer, name=f"v{i}")
        ends.append(pf.Dense(2, name=f"fc{i}")(pf.Flatten(name=f"f{i}")(layer(x))))
    net = pf.ModelSpec(sources, ends, name="vectors")
    moved = {}
    for on in ("kernels", "all"):
        rule = pf.SGD(0.1, weight_decay=0.5, decay_on=on)
        model = pf.compile(
            net, backend, ["mse"] * len(ends), rule, dtype="float64", device="cpu"
        )
        rng = np.random.default_rng(0)
        x = [rng.normal(size=(4, *shape)) for _, shape in VECTORS]
        y = [np.zeros((4, 2))] * len(ends)
        before, gradients = model.weights(), model.gradients(x, y)
        model.train_step(x, y)
        after = model.weights()
        moved[on] = {
            n: np.abs(after[n] - before[n] + 0.1 * g).max()
            for n, g in gradients.items()
        }
    vectors = [n for n in moved["all"] if before[n].ndim == 1]
    assert len(vectors) > 2 * len(VECTORS) - 4
    for name, value in moved["kernels"].items():
        decayed = 0.1 * 0.5 * np.abs(before[name]).max()
        assert moved["all"][name] == pytest.approx(decayed, abs=1e-14)
        assert value == pytest.approx(0 if name in vectors else decayed, abs=1e-14), (
            name
        )


# --- the frameworks' own defaults --------------------------------------------------

KERAS = {
    "lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon",
    "alpha": "rho", "RMSProp": "RMSprop", "NAdam": "Nadam", "LAMB": "Lamb",
}  # fmt: skip
MXNET = {
    "lr": "learning_rate", "eps": "epsilon", "alpha": "gamma1", "NAdam": "Nadam",
    "momentum_decay": "schedule_decay", "Adagrad": "AdaGrad", "Adadelta": "AdaDelta",
}  # fmt: skip


def own_defaults(module, names, rule):
    """A framework's defaults of an optimizer, by our fields' names."""
    made = getattr(module, names.get(rule.type, rule.type), None)
    parameters = inspect.signature(made).parameters if made else {}
    return {
        field: parameters[names.get(field, field)].default
        for field in ("lr", *rule.settings())
        if names.get(field, field) in parameters
    }


@pytest.mark.parametrize("make", Optimizer.registry.values(), ids=lambda r: r.word)
def test_unset_is_the_frameworks_own_under_native_semantics(make):
    """Where a field of that meaning is an argument of theirs."""
    import keras

    from polyframe.backends.gluon.runtime import mx

    rule, compared = make(), []
    for backend, module, names in (
        ("tensorflow", keras.optimizers, KERAS),
        ("mxnet", mx.optimizer, MXNET),
    ):
        native = rule.resolve(registry.get(backend).defaults)
        for field, default in own_defaults(module, names, rule).items():
            if getattr(rule, field) is pf.UNSET:
                assert getattr(native, field) == default, (backend, field)
                compared.append((backend, field))
    fields = ("lr", *rule.settings())
    unset = [field for field in fields if getattr(rule, field) is pf.UNSET]
    assert bool(compared) == bool(unset), (unset, compared)


# --- with the rest of a step -------------------------------------------------------

WHOLE = {"accumulate": 2, "clip_norm": 0.05, "ema": 0.7, "freeze": ("fc1",)}
KINDS = {rule.type: rule for rule in RULES.values() if rule.decay_on == "all"}


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if k not in ("SGD", "Adam", "AdamW")]
)
def test_accumulation_clipping_averages_and_freezing_work_with_it(kind):
    case = Case(optimizer=KINDS[kind], options=WHOLE, frozen=("fc1",), epochs=1)
    for backend in BACKENDS:
        case.check(backend)


SCALED = [
    next(name for name in RULES if name.startswith(start))
    for start in ("sgd, lr=0.1, momentum=0.8", "nadam, ", "adagrad, ")
]


@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
@pytest.mark.parametrize("name", SCALED)
def test_a_state_under_loss_scaling_goes_on_as_if_nothing_had_been(name, backend):
    """MXNet has float16 on GPUs only."""
    options = {"dtype": "float32", "precision": "float16", "optimizer": RULES[name]}
    first = compiled(backend, NET, **options)
    for _ in range(3):
        first.train_step(*samples())
    second = compiled(backend, NET, **options)
    second.load_weights(first.weights())
    second.load_training_state(first.training_state(), first.steps_done, 0)
    for model in (first, second):
        model.train_step(*samples())
    for actual, wanted in (
        (second.weights(), first.weights()),
        (second.training_state(), first.training_state()),
    ):
        assert set(actual) == set(wanted) and wanted
        assert all(np.array_equal(actual[key], wanted[key]) for key in wanted)

"""TensorFlow's native programs: what they say, and what they keep."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import polyframe as pf
from polyframe.compiler.program import Slot
from polyframe.compiler.table import Target
from polyframe.contract import registry
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.losses import Loss
from polyframe.spec.settings import Training

X = np.random.default_rng(3).normal(size=(8, 2, 5, 4)).astype("float32")
Y = np.arange(8) % 3


def net(*between):
    """A net that flattens an image for two dense layers."""
    return pf.Sequential(
        [
            pf.Conv2D(4, 3, name="conv"),
            pf.Flatten(name="flatten"),
            *between,
            pf.Dense(6, name="fc1"),
            pf.ReLU(name="relu"),
            pf.Dense(3, name="fc2"),
        ],
        (2, 5, 4),
        name="net",
    )


def source(
    spec,
    loss="cross_entropy",
    rule=None,
    semantics="native",
    dtype="float32",
    **settings,
):
    """The text of a program; no framework is needed for it."""
    backend = registry.get("tensorflow")
    step = make_step(
        spec, backend, loss, rule or pf.Adam(), Training(**settings), semantics
    )
    target = Target(dtype, semantics=semantics)
    return write_programs(spec, backend, step, target, False)[0].source


def test_a_programs_step_is_that_of_keras_guides():
    text = source(pf.load_spec("digits_cnn"), clip_norm=1.0)
    for line in (
        "        self.flatten = layers.Flatten()",
        "        x = self.flatten(x)  # (N, 128)",
        "loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "    optimizer = tf.keras.optimizers.Adam(learning_rate=0.001)",
        "        loss = loss_fn(target, outputs)",
        "    clipped, _ = tf.clip_by_global_norm(gradients, 1.0)",
        "    optimizer.apply_gradients(zip(clipped, model.trainable_variables))",
        "@tf.function",
        "def train_step(model, x, target, optimizer):",
    ):
        assert line in text.splitlines(), line
    assert "Clip" not in text and "def clip" not in text


def test_resnet18_is_no_longer_than_120_lines():
    assert len(source(pf.load_spec("resnet18")).splitlines()) <= 120


@pytest.mark.parametrize(
    "between, plain",
    [
        ((), True),
        ((pf.LeakyReLU(), pf.Dropout(0.5)), True),
        ((pf.PReLU(name="prelu"),), False),
        ((pf.Softmax(),), False),
        ((pf.BatchNorm(),), False),
    ],
    ids=["dense", "elementwise", "parameters", "softmax", "norm"],
)
def test_flatten_is_kerass_own_where_dense_layers_alone_read_it(between, plain):
    assert ("self.flatten(x)" in source(net(*between))) == plain
    aligned = source(net(*between), semantics=(("loss", "native"),))
    assert "self.flatten(tf.transpose(x, (0, 3, 1, 2)))" in aligned


def test_flatten_keeps_its_order_where_something_else_reads_it():
    x = pf.Input((2, 5, 4))
    flat = pf.Flatten(name="flatten")(x)
    both = pf.ModelSpec(x, [flat, pf.Dense(3, name="fc")(flat)], name="both")
    assert "self.flatten(x)" not in source(both, loss="mse")
    shared = pf.Dense(3, name="fc")
    parts = [shared(pf.Flatten(name=name)(x)) for name in ("flatten", "flatten2")]
    twice = pf.ModelSpec(x, pf.Add()(*parts), name="twice")
    assert "self.flatten(x)" not in source(twice)


def test_a_flat_slot_is_undone():
    slot = Slot("kernel", (3, 4, 2, 5), (2, 3, 1, 0), (3, 40), flat=(40, 3))
    kernel = np.arange(120.0).reshape(3, 40)
    native = slot.to_native(kernel)
    image = np.random.default_rng(1).normal(size=(4, 2, 5))
    assert native.shape == (40, 3) and native.flags.c_contiguous
    channels_last = np.moveaxis(image, 0, -1).reshape(40)
    np.testing.assert_allclose(kernel @ image.reshape(40), channels_last @ native)
    assert np.array_equal(slot.to_canonical(native), kernel)


def test_what_keras_lacks_is_a_gap_with_its_reason():
    for rule, reason in (
        (pf.RAdam(), "tf.keras.optimizers has no RAdam"),
        (pf.LARS(), "tf.keras.optimizers has no LARS"),
        (pf.SGD(momentum=0.9, dampening=0.5), "SGD has no dampening"),
        (pf.NAdam(momentum_decay=0.1), "Nadam has a momentum_decay of 1"),
        (pf.Adagrad(lr_decay=0.1), "Adagrad has no lr_decay"),
        (pf.Lion(beta1=0.0), "Lion needs a beta1 above 0"),
        (pf.LAMB(decay_on="kernels"), "Lamb adapts the rate of all variables"),
    ):
        with pytest.raises(pf.UnsupportedError, match=reason):
            source(net(), rule=rule)
    for loss, reason in (
        (pf.CrossEntropy(class_weights=(1.0, 2.0, 3.0)), "no class_weights"),
        (pf.KLDiv(), "takes probabilities"),
        (pf.Hinge(margin=0.5), "a margin of 1"),
        (pf.BinaryCrossEntropy(pos_weight=(2.0,)), "no pos_weight"),
    ):
        with pytest.raises(pf.UnsupportedError, match=reason):
            source(net(), loss)
    source(net(), rule=pf.SGD(dampening=0.5))  # which does nothing without a momentum


def test_float64_reaches_kerass_own_classes():
    text = source(net(), pf.MSE(), dtype="float64")
    assert 'MeanSquaredError(dtype="float64")' in text
    model = pf.compile(
        net(), "tensorflow", "mse", pf.SGD(0.1), semantics="native", dtype="float64"
    )
    model.train_step(X, np.zeros((8, 3)))
    rate = model.engine.session.training_objects["optimizer"].learning_rate
    assert rate.dtype == "float64" and float(rate) == 0.1


def test_all_settings_train_with_kerass_own_optimizer_and_go_on_from_a_state():
    def compiled():
        return pf.compile(
            net(), "tensorflow", "cross_entropy", pf.NAdam(0.05), semantics="native",
            seed=4, accumulate=2, ema=0.5, clip_norm=1.0, freeze="conv",
            precision="float16", learning_rate_multipliers={"fc1": 0.5},
        )  # fmt: skip

    model, fresh = compiled(), compiled()
    before = model.weights()
    losses = [model.train_step(X, Y) for _ in range(6)]
    fresh.load_weights(model.weights())
    state = model.training_state()
    assert state["optimizer/product"].shape == (1,)
    fresh.load_training_state(state, model.steps_done, model.epoch)
    for _ in range(3):
        losses.append(model.train_step(X, Y))
        assert fresh.train_step(X, Y) == losses[-1]
    for name, value in model.weights().items():
        assert np.array_equal(fresh.weights()[name], value)
        frozen = name.startswith("conv")
        assert np.array_equal(before[name], value) == frozen, name
    for name, value in model.training_state().items():
        assert np.array_equal(fresh.training_state()[name], value), name
    assert losses[-1] < 0.7 * losses[0]


PER_SAMPLE = {
    "mse": {}, "l1": {}, "huber": {"delta": 0.5}, "cross_entropy": {},
    "binary_cross_entropy": {"label_smoothing": 0.2}, "hinge": {}, "squared_hinge": {},
}  # fmt: skip


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)], ids=["vectors", "images"])
def test_a_number_for_each_sample_where_the_mean_is_not_enough(shape):
    """Sample weights, accumulation and sums, by Keras's functions: what the definitions
    give, up to rounding."""
    rng = np.random.default_rng(6)
    head = pf.Conv2D(3, 1, name="head") if len(shape) > 1 else pf.Dense(3, name="head")
    spec = pf.Sequential([head], (2, *shape[1:]), name="net")
    x, weights = rng.normal(size=(6, 2, *shape[1:])), rng.uniform(size=6)
    losses = [Loss.parse({"type": t, **f}) for t, f in PER_SAMPLE.items()]
    losses += [
        pf.CrossEntropy(label_smoothing=0.1),
        pf.CrossEntropy(ignore_index=1),
        pf.Focal(),
        pf.Cosine(),
    ]
    for number, loss in enumerate(losses):
        y = rng.choice([-1.0, 1.0], (6, *shape))
        if loss.labels:
            y = rng.integers(0, 3, (6, *shape[1:]))
        elif loss.domain == "from 0 to 1":
            y = (y + 1) / 2
        options = {"dtype": "float64", "seed": 1, "optimizer": pf.SGD(0.1)}
        way, accumulate = number % 3, 2 if number % 3 == 1 else 1
        if way == 2:
            loss = dataclasses.replace(loss, reduction="sum")
        given = {"sample_weight": weights} if way == 0 else {}
        ours, wanted = (
            pf.compile(
                spec, "tensorflow", loss, semantics=semantics, accumulate=accumulate,
                **options,
            )
            for semantics in ({"loss": "native"}, "aligned")
        )  # fmt: skip
        values = [m.train_step(x, y, **given) for m in (ours, wanted)]
        shift = 1.0 if loss.type == "cosine" else 0.0  # Keras's is minus the cosine
        shift *= len(x) if way == 2 else 1
        # Keras clips the probabilities of its focal loss at 1e-7.
        close = {"rtol": 1e-6 if loss.type == "focal" else 1e-12, "atol": 1e-12}
        np.testing.assert_allclose(values[0] + shift, values[1], **close)
        for name, value in wanted.weights().items():
            np.testing.assert_allclose(ours.weights()[name], value, **close)
        assert "tf.keras.losses" in ours.source
        assert "count" in ours.source or way == 2

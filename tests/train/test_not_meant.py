"""What cannot be meant, or most likely is not: refused, or told in a line. What can be
meant, and was refused: NumPy's numbers, batches to validate with, copies."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.errors import DataError, ModelAttributeError, PolyframeError
from polyframe.train import Callback

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((8, 1, 4, 4)), np.arange(8) % 3
on_each = pytest.mark.parametrize("backend", BACKENDS)


def compiled(backend="torch", layers=(), shape=(1, 4, 4), **options):
    """A model of one layer with weights."""
    spec = pf.Sequential(
        [pf.Flatten(), pf.Dense(3, name="fc"), *layers], input_shape=shape
    )
    options = {"loss": "cross_entropy", "optimizer": pf.SGD(0.1)} | options
    return pf.compile(spec, backend, device="cpu", dtype="float64", **options)


# --- the learning rate, and attributes ---------------------------------------------


@on_each
def test_a_schedule_that_overrides_a_rate_set_by_hand_says_so(backend):
    model = compiled(backend, schedule="cosine")
    model.learning_rate = 0.3
    text = (
        "learning_rate: 0.3 was set by hand, but the schedule sets it at each step: 0.1"
    )
    with pytest.warns(UserWarning) as told:
        model.fit(X, Y, batch_size=2)
    assert [str(w.message) for w in told] == [text]
    model.fit(X, Y)  # once is enough
    constant = compiled(backend)
    constant.learning_rate = 0.3
    assert constant.fit(X, Y)["lr"] == [0.3]


def test_a_callback_that_sets_it_under_a_schedule(tmp_path):
    class Sets(Callback):
        def on_step_end(self, model, step):
            model.learning_rate = 0.7

    with pytest.warns(UserWarning, match="0.7 was set by hand"):
        compiled(schedule="cosine").fit(X, Y, batch_size=4, callbacks=[Sets()])
    compiled().fit(X, Y, callbacks=["model_checkpoint"], folder=tmp_path)
    model = compiled()
    model.learning_rate = 0.7
    with pytest.warns(
        UserWarning, match="0.7 was set by hand, but the checkpoint's is"
    ):
        model.fit(X, Y, epochs=2, resume=tmp_path / "checkpoint")
    assert model.learning_rate == 0.1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lr", "a model has no attribute 'lr'. Did you mean 'learning_rate'?"),
        ("learning_rat", "Did you mean 'learning_rate'?"),
        ("epochs", "a model has no attribute 'epochs'. Did you mean 'epoch'?"),
        ("mine", "a model has no attribute 'mine'."),
        ("seed", "seed is fixed when a model is compiled (pf.compile(…, seed=…) makes"),
        ("schedule", "schedule is fixed when a model is compiled"),
        ("dtype", "dtype is fixed when a model is compiled"),
        ("optimizer", "optimizer is fixed when a model is compiled (pf.compile(…, opt"),
        ("loss", "loss is fixed when a model is compiled (pf.compile(…, loss=…)"),
        ("freeze", "freeze is fixed when a model is compiled"),
        ("fit", "fit is a method of models"),
        ("epoch", "epoch can be read, not set"),
    ],
)
def test_attributes_that_would_change_nothing(name, text):
    model = compiled()
    fails(ModelAttributeError, lambda: setattr(model, name, 1), text)
    with pytest.raises(AttributeError):
        setattr(model, name, 1)
    assert name not in vars(model) or getattr(model, name) != 1


def test_what_can_be_set(monkeypatch):
    model = compiled()
    model.learning_rate, model.steps_done = np.float32(0.5), np.int64(3)
    assert type(model.learning_rate) is float and type(model.steps_done) is int
    monkeypatch.setattr(model, "predict", lambda x: "mine")
    assert model.predict(X) == "mine"
    monkeypatch.undo()
    assert model.predict(X).shape == (8, 3)
    for value in (True, "0.1", -1.0, np.nan, None):
        with pytest.raises(
            PolyframeError, match="learning_rate is .* at least 0 is needed"
        ):
            model.learning_rate = value
    with pytest.raises(PolyframeError, match="steps_done is -1; a whole number"):
        model.steps_done = -1
    assert (model.learning_rate, model.steps_done) == (0.5, 3)


# --- numbers of NumPy, batches to validate, copies -----------------------------------


def test_numpys_numbers_are_numbers_and_bools_are_none(tmp_path):
    i, f = np.int64, np.float32
    spec = pf.Sequential(
        [pf.Conv2D(i(2), (i(3), 3), padding=np.uint8(1)), pf.Dropout(f(0.5)),
         pf.Flatten(), pf.Dense(i(3))],
        input_shape=tuple(np.array([1, 4, 4])),
    )  # fmt: skip
    assert pf.load_spec(spec.to_yaml()).hash == spec.hash
    model = pf.compile(
        spec, "torch", "cross_entropy", pf.SGD(f(0.1), momentum=np.float64(0.5)),
        seed=np.uint32(3), accumulate=np.int8(2), clip_norm=f(1), ema=f(0.5),
        schedule=pf.StepSchedule(i(3)), device="cpu",
    )  # fmt: skip
    history = model.fit(
        X, Y, epochs=i(2), batch_size=np.int16(2), validation_data=(X, Y),
        callbacks=[pf.EarlyStopping(patience=i(2), min_delta=f(0))],
    )  # fmt: skip
    assert len(history) == 2 and model.steps_done == 4
    model.fit([(X, Y)] * 4, steps_per_epoch=i(1))
    assert model.predict(X, batch_size=i(3)).shape == (8, 3)
    assert set(model.evaluate(X, Y, batch_size=i(3))) == {"loss"}
    recipe = pf.load_recipe(
        {
            "model": spec,
            "data": {"name": "synthetic", "train": i(8), "shape": [i(1), 4, 4]},
            "epochs": i(2),
        }
    )
    assert pf.load_recipe(pf.io.text.parse_yaml(recipe.to_yaml(), "r")) == recipe
    assert pf.zoo.digits_cnn(num_classes=i(3), width=f(0.5)).infer().output_shapes == (
        (3,),
    )
    for bad in (True, np.True_, 1.5, 0, "2", None):
        for name in ("epochs", "batch_size"):
            call = lambda n=name, v=bad: model.fit(X, Y, **{n: v})  # noqa: E731
            fails(PolyframeError, call, f"{name} is {bad!r}; a whole number from 1")


@on_each
def test_validation_data_may_be_batches(backend):
    """Their loss is that of all samples; each epoch goes through them again."""
    model = compiled(backend, metrics=["accuracy"])
    weights = rng.random(8) + 0.5
    parts = [slice(0, 3), slice(3, 8)]

    class Anew:
        def __iter__(self):
            return iter([(X[p], Y[p], weights[p]) for p in parts])

    batches = [(X[p], Y[p], weights[p]) for p in parts]
    for given in (batches, Anew(), [(X, Y, weights)]):
        history = model.fit(X, Y, epochs=2, validation_data=given)
        logits = model.predict(X)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        losses = -logs[np.arange(8), Y]
        wanted = (weights * losses).sum() / weights.sum()
        assert history["val_loss"][-1] == pytest.approx(wanted, rel=1e-12)
        right = np.average(logits.argmax(axis=1) == Y, weights=weights)
        assert history["val_accuracy"][-1] == pytest.approx(right)


def test_validation_data_that_are_none():
    model = compiled()
    for given, text in (
        ([X, Y, X, Y], "validation_data: is a list of 4; (x, y) or (x, y, sample_weight), "
         "or a list of such batches, is needed"),
        (X, "validation_data: is an array (8, 1, 4, 4); "),
        (5, "validation_data: is 5; "),
        (iter([(X, Y)]), "validation_data: is an iterator, which is used up after one "),
        ([(X, Y), (X, Y[:3])], "validation_data: y: has 3 targets for 8 samples"),
        ({(1, 2): 3}, "validation_data: x (x): is (); (N, 1, 4, 4) is needed"),
        (set(), "validation_data: has no batches"),
    ):  # fmt: skip
        call = lambda g=given: model.fit(X, Y, validation_data=g)  # noqa: E731
        said = fails(DataError, call, text)
        assert "array([" not in said
    fails(DataError, lambda: model.fit([[X]]), "x: a batch is a list of 1; (x, y) or")
    fails(
        DataError,
        lambda: model.fit(X),
        "y is left out, and x is an array (8, 1, 4, 4);",
    )
    assert model.steps_done == 0


def test_several_inputs_are_no_batches():
    a, b = pf.Input((3,), name="a"), pf.Input((2,), name="b")
    spec = pf.ModelSpec([a, b], [pf.Dense(2)(a), pf.Dense(2)(b)])
    model = pf.compile(spec, "torch", "mse", device="cpu")
    x = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    y = rng.standard_normal((4, 2)), rng.standard_normal((4, 2))
    one = model.fit(x, y, validation_data=[x, y])["val_loss"]
    assert one == [pytest.approx(model.evaluate(x, y)["loss"])]
    halves = [(tuple(p[h] for p in x), tuple(p[h] for p in y))
              for h in (slice(1), slice(1, 2), slice(2, 3), slice(3, 4))]  # fmt: skip
    four = model.fit(x, y, validation_data=halves)["val_loss"]
    assert four == [pytest.approx(model.evaluate(x, y)["loss"])]


@on_each
def test_a_deep_copy_goes_on_by_itself(backend):
    """It takes the steps that the model takes, and neither sees the other's."""
    model = compiled(
        backend, [pf.Dropout(0.5)], optimizer=pf.Adam(0.01), ema=0.5, schedule="cosine"
    )
    model.fit(X, Y, batch_size=2, augmentation=["normalize"])
    model.class_names = ("a", "b", "c")
    before = model.weights()
    other = copy.deepcopy(model)
    assert (other.steps_done, other.epoch) == (4, 1)
    assert other.class_names == model.class_names
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    fit = {"epochs": 2, "batch_size": 2, "augmentation": ["normalize"]}
    rows = other.fit(X, Y, **fit)["loss"]
    for name, value in model.weights().items():
        np.testing.assert_array_equal(value, before[name])
    assert model.fit(X, Y, **fit)["loss"] == rows
    for name, value in model.training_state().items():
        np.testing.assert_array_equal(other.training_state()[name], value)
    predicts = pf.compile(model.spec, backend, device="cpu")
    predicts.load_weights(before)
    twin = copy.deepcopy(predicts)
    np.testing.assert_array_equal(twin.predict(X), predicts.predict(X))
    for call in (pickle.dumps, copy.copy):
        fails(
            PolyframeError,
            lambda c=call: c(model),
            "load_weights(file), or copy.deepcopy",
        )


# --- the order of axes, and what fit says of losses ------------------------------------


def test_samples_with_channels_last_get_a_hint():
    model, hint = (
        compiled(shape=(3, 8, 8)),
        '(layout="NHWC" says that channels come last)',
    )
    for shape in ((4, 8, 8, 3), (4, 6, 9, 3)):
        call = lambda s=shape: model.predict(np.zeros(s))  # noqa: E731
        fails(DataError, call, f"x (x): is {shape}; (N, 3, 8, 8) is needed {hint}")
    for shape in ((4, 3, 3, 3), (4, 3, 6, 6), (4, 8, 8), (4, 3, 8, 9)):
        call = lambda s=shape: model.predict(np.zeros(s))  # noqa: E731
        assert "NHWC" not in fails(DataError, call, "(N, 3, 8, 8) is needed")
    compiled(shape=(3, 3, 3)).predict(np.zeros((4, 3, 3, 3)))


def test_data_sets_with_channels_last_get_a_hint(tmp_path):
    from polyframe.run.train import check_fit, load_data

    np.savez(tmp_path / "s.npz", x=np.zeros((6, 8, 8, 3), np.uint8), y=np.arange(6) % 3)
    made = {"model": compiled(shape=(3, 8, 8)).spec}
    data = {"name": str(tmp_path / "s.npz")}
    recipe = pf.load_recipe({**made, "data": data})
    call = lambda: check_fit(recipe, load_data(recipe))  # noqa: E731
    fails(DataError, call, "takes (3, 8, 8) (layout: NHWC, an option of the data, says")
    recipe = pf.load_recipe({**made, "data": data | {"layout": "NHWC"}})
    check_fit(recipe, load_data(recipe))


@on_each
def test_fit_says_what_lint_says(backend):
    model = compiled(backend, [pf.Softmax(name="s")])
    with pytest.warns(UserWarning) as told:
        model.fit(X, Y)
    assert [str(w.message) for w in told] == [*model.spec.lint("cross_entropy")]
    model = compiled(backend, shape=(8, 8, 3))
    with pytest.warns(UserWarning, match="x .8, 8, 3. has 8 channels and is 3 wide"):
        model.fit(np.zeros((4, 8, 8, 3)), np.zeros(4, int))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        compiled(backend, [pf.LogSoftmax()], loss="nll").fit(X, Y)


def test_what_belongs_to_other_data_is_not_dropped_without_a_word():
    model, weights = compiled(), np.ones(8)
    data = pf.data.from_arrays(X, Y)
    own = "is given beside a data set, which has its own (pf.data.from_arrays("
    for call, text in (
        (lambda: model.fit(data, Y), f"y: {own}"),
        (lambda: model.fit(data, sample_weight=weights), f"sample_weight: {own}"),
        (lambda: model.evaluate(data, Y), f"y: {own}"),
        (lambda: model.evaluate(data, sample_weight=weights), f"sample_weight: {own}"),
        (lambda: model.fit([(X, Y)], sample_weight=weights),
         "sample_weight: is for arrays (batches have their own: (x, y, sample_weight))"),
        (lambda: model.fit(X, Y, steps_per_epoch=2),
         "steps_per_epoch: is for iterables of batches"),
        (lambda: model.fit(data, steps_per_epoch=2),
         "steps_per_epoch: is for iterables of batches"),
    ):  # fmt: skip
        fails(DataError, call, text)
    call = lambda: model.fit(X, Y, shuffle="no")  # noqa: E731
    fails(PolyframeError, call, "shuffle is 'no'; true or false is needed")
    assert model.steps_done == 0


def test_names_of_classes_stay_until_a_data_set_has_others():
    model = compiled()
    model.class_names = ("a", "b", "c")
    model.fit(pf.data.from_arrays(X, Y))
    assert model.class_names == ("a", "b", "c")
    other = pf.data.from_arrays(X, Y, classes=["d", "e", "f"])
    fails(
        PolyframeError, lambda: model.fit(other, callbacks=["early_stopping"]), "val_"
    )
    assert model.class_names == ("a", "b", "c")
    model.fit(other)
    assert model.class_names == ("d", "e", "f")

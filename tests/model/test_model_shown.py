"""How a model shows itself, and the plot of its confusions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf

CLASSES = 3


def network(outputs=1):
    x = pf.Input((1, 4, 4))
    flat = pf.Flatten()(x)
    heads = [pf.Dense(CLASSES, name=f"head{i}")(flat) for i in range(outputs)]
    return pf.ModelSpec(x, heads, name="small")


def compiled(loss="cross_entropy", outputs=1, **more):
    return pf.compile(network(outputs), BACKENDS[0], loss, device="cpu", **more)


@pytest.fixture(scope="module")
def model():
    return compiled(metrics=["accuracy"], optimizer=pf.SGD(0.1, momentum=0.5))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 1, 4, 4)).astype("float32"), rng.integers(0, 3, 50)


def counted(model, x, y):
    """The matrix by its definition."""
    matrix = np.zeros((CLASSES, CLASSES))
    for label, predicted in zip(y, model.predict(x).argmax(1)):
        matrix[label, predicted] += 1
    return matrix


def counts_of(axes):
    """The numbers that a panel shows, as a matrix."""
    (image,) = axes.images
    texts = [float(text.get_text()) for text in axes.texts]
    return np.reshape(texts, image.get_array().shape)


# --- a card -----------------------------------------------------------------------------


def test_a_model_says_what_it_is(model, data):
    model.fit(*data, epochs=2, batch_size=25)
    lines = model._repr_mimebundle_()["text/plain"].splitlines()
    assert lines[0] == "small"
    said = dict(line.split(":", 1) for line in lines[1:])
    said = {name: text.strip() for name, text in said.items()}
    assert said["Backend"] == f"{model.backend.title}, cpu"
    assert said["Parameters"] == "51, float32" and said["Semantics"] == "aligned"
    assert (said["Loss"], said["Metrics"]) == ("cross_entropy", "accuracy")
    assert said["Optimizer"] == "SGD(lr=0.1, momentum=0.5)"
    assert said["Trained"] == "2 epochs, 4 steps"
    html = model._repr_html_()
    assert "2 layers" in html and "(N, 3)" in html
    assert f"Program: {len(model.source.splitlines())} lines" in html
    assert "&#34;&#34;&#34;small for" in html  # the program itself, escaped


def test_a_model_without_a_loss_says_so():
    model = compiled(None)
    model.class_names = ["<b>", "\x1b[31m", *map(str, range(40))]
    text, html = model._text(), model._repr_html_()
    assert "none; it only predicts" in text
    assert text.isprintable() or "\x1b" not in text
    assert "&lt;b&gt;" in html and "…" in text
    fails(pf.PolyframeError, lambda: model.plot_confusion([], []), "has no loss")


# --- confusions -------------------------------------------------------------------------


def test_confusions_are_counted_and_coloured_by_row(model, data):
    figure = model.plot_confusion(*data, batch_size=16)
    panel = figure.axes[0]
    wanted = counted(model, *data)
    assert wanted.sum() == 50
    np.testing.assert_array_equal(counts_of(panel), wanted)
    shares = wanted / wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(panel.images[0].get_array(), shares)
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "label")
    assert [t.get_text() for t in panel.get_yticklabels()] == ["0", "1", "2"]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_class_without_samples_is_an_empty_row(model, data):
    x, y = data
    panel = model.plot_confusion(x[y < 2], y[y < 2]).axes[0]
    assert (counts_of(panel)[2] == 0).all()
    assert np.isfinite(panel.images[0].get_array()).all()


def test_names_are_those_given_or_the_models_own(model, data):
    def names(**more):
        panel = model.plot_confusion(*data, **more).axes[0]
        return [t.get_text() for t in panel.get_xticklabels()]

    assert names(class_names=["a", "b", "$c$"]) == ["a", "b", r"\$c\$"]
    model.class_names = ["cat", "dog", "a name that is longer than axes are"]
    assert names() == ["cat", "dog", "a name that is longer t…"]
    model.class_names = ["of", "other", "data", "than these"]
    assert names() == ["0", "1", "2"]
    model.class_names = []
    for wrong in (["a", "b"], "abc", [1, 2, 3]):
        fails(
            pf.PolyframeError,
            lambda w=wrong: model.plot_confusion(*data, class_names=w),
            "class_names: got",
        )


def test_a_data_sets_test_data_and_labels_that_are_ignored(data):
    x, y = data
    model = compiled(pf.CrossEntropy(ignore_index=1))
    parts = pf.data.from_arrays(x[:30], y[:30], x[30:], y[30:])
    figure = model.plot_confusion(parts)
    wanted = counted(model, x[30:], y[30:])
    wanted[1] = 0
    np.testing.assert_array_equal(counts_of(figure.axes[0]), wanted)


def test_each_output_has_a_panel(data):
    x, y = data
    model = compiled("cross_entropy", outputs=2)
    figure = model.plot_confusion(x, [y, y])
    titles = [axes.get_title() for axes in figure.axes[:2]]
    assert titles == ["head0", "head1"]
    assert [counts_of(axes).sum() for axes in figure.axes[:2]] == [50, 50]


def test_a_loss_without_classes_is_refused(data):
    x, _ = data
    model = compiled("mse")
    fails(
        pf.SpecError,
        lambda: model.plot_confusion(x, np.zeros((50, 3))),
        "confusion_matrix needs class labels, which mse does not take",
    )


def test_many_classes_are_colours_without_numbers():
    from polyframe.model.confusion import plot

    panel = plot({"confusion_matrix": np.eye(40)}).axes[0]
    assert not panel.texts and len(panel.get_xticks()) == 40
    assert not plot({"confusion_matrix": np.eye(90)}).axes[0].texts


def test_without_matplotlib_the_extra_is_named(model, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "polyframe.io.figure", raising=False)
    fails(
        pf.PolyframeError,
        lambda: model.plot_confusion(*data),
        'pip install "polyframe[plots]"',
    )

"""Explanations: every topic has one, from the definitions, with right numbers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from polyframe.spec.layers import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.metrics import Metric
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.schedules import Schedule
from polyframe.teach.explain import markdown
from polyframe.teach.explain.assemble import explain
from polyframe.teach.explain.docstrings import formulas, references
from polyframe.teach.explain.facts import facts_of
from polyframe.teach.explain.parts import Code, Table, Text, Values, as_data
from polyframe.teach.explain.topics import Topic, topics
from polyframe.teach.explain.worked import worked_example

WANTED = {
    "layer": {"meaning", "fields", "definition", "example", "native", "source"},
    "composite": {"meaning", "definition", "native", "source"},
    "loss": {"meaning", "fields", "definition", "example", "native", "source"},
    "optimizer": {"meaning", "fields", "definition", "example", "native", "source"},
    "schedule": {"meaning", "fields", "definition", "example", "native", "source"},
    "metric": {"meaning", "fields", "definition", "example", "native", "source"},
    "initializer": {"meaning", "fields", "definition", "example", "native", "source"},
    "augmentation": {"meaning", "fields", "definition", "example", "native", "source"},
    "callback": {"meaning", "fields", "native", "source"},
    "setting": {"meaning", "fields"},
    "aspect": {"meaning", "use"},
    "difference": {"meaning", "behaviour", "remedy", "source"},
    "defect": {"meaning", "expected", "remedy", "demonstration", "source"},
    "rewrite": {"meaning", "example", "use", "definition", "source"},
    "term": {"meaning"},
}
"""Family → the sections that each of its explanations has."""
KNOWN = topics()


def every_block(sections):
    for section in sections:
        yield from section.blocks
        yield from every_block(section.sections)


@pytest.mark.parametrize("topic", KNOWN, ids=str)
def test_every_topic_is_explained(topic):
    explanation = explain(topic)
    assert (explanation.family, explanation.name) == topic
    assert explanation.summary.strip()
    keys = [section.key for section in explanation.sections]
    assert keys[0] == "meaning" and WANTED[topic.family] <= set(keys)
    for block in every_block(explanation.sections):
        assert isinstance(block, (Text, Code, Table, Values))
        if isinstance(block, Text):
            assert block.text.strip() and ".." not in block.text.replace("...", "")
        elif isinstance(block, Code):
            assert block.text.strip()
        elif isinstance(block, Table):
            assert {len(row) for row in block.rows} == {len(block.heads)}
        else:
            assert 0 < len(block.text().splitlines()) <= 30
            values = [value for _, value in block.values if not isinstance(value, str)]
            assert all(np.isfinite(value).all() for value in values)
    for link in explanation.links:
        assert Topic(*link.split("/", 1)) in KNOWN, link
    data = json.loads(json.dumps(as_data(explanation), allow_nan=False))
    assert data["topic"] == str(topic)
    assert [section["key"] for section in data["sections"]] == keys
    assert markdown.page(explanation).startswith(f"# {topic.name}\n\n")


def test_all_families_have_topics():
    assert {topic.family for topic in KNOWN} >= set(WANTED) - {"defect"}


def test_full_says_more_and_nothing_less():
    topic = Topic("optimizer", "Adam")
    short, full = explain(topic), explain(topic, full=True)
    assert [s.key for s in short.sections] == [s.key for s in full.sections]
    counts = [len(list(every_block(e.sections))) for e in (short, full)]
    assert counts[0] < counts[1]
    layer = explain(Topic("layer", "Dense"), full=True)
    assert "examples" in [section.key for section in layer.sections]


def test_what_is_kept_is_what_backends_say():
    """The whole file is compared in docs/test_catalogue.py."""
    for cls in (Layer.find("BatchNorm"), Loss.find("mse"), Optimizer.find("SGD")):
        assert facts_of(cls) == facts_of(cls, live=True)


def test_formulas_and_references_are_read_from_docstrings():
    text = (
        "``y = f(x)`` (Nair & Hinton 2010, eq. 1; ours). ``x`` as in\nHe et al. 2015."
    )
    assert formulas(text) == ("y = f(x)",)
    assert references(text) == ("Nair & Hinton 2010, eq. 1", "He et al. 2015")
    assert references("As in PyTorch (torch/optim/sgd.py).") == ("torch/optim/sgd.py",)


# --- numbers ----------------------------------------------------------------------------


def numbers(cls):
    """Name → value, of what an example is given and of what it gives."""
    given, gives = {}, {}
    for block in worked_example(cls):
        if isinstance(block, Values):
            into = gives if given else given
            into |= dict(block.values)
    return given, gives


def test_the_numbers_of_a_convolution():
    given, gives = numbers(Layer.find("Conv2D"))
    x, weight = given["x"][0, 0], given["weight"][0, 0]
    wanted = [
        [(x[i : i + 2, j : j + 2] * weight).sum() + given["bias"][0] for j in range(2)]
        for i in range(2)
    ]
    np.testing.assert_array_equal(gives["output"][0, 0], wanted)
    assert weight.any() and np.ptp(gives["output"])


def test_the_numbers_of_a_pool():
    given, gives = numbers(Layer.find("MaxPool2D"))
    x = given["x"][0, 0]
    np.testing.assert_array_equal(
        gives["output"][0, 0], [[x[:, :2].max(), x[:, 2:].max()]]
    )


def test_the_numbers_of_batch_norm():
    given, gives = numbers(Layer.find("BatchNorm"))
    x = given["x"][:, 0]
    np.testing.assert_array_equal(x, [1, 2, 3, 4])
    wanted = (x - 2.5) / np.sqrt(1.25 + 1e-5)
    np.testing.assert_allclose(gives["in training"][:, 0], wanted, rtol=1e-14)
    wanted = x / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(gives["in inference"][:, 0], wanted, rtol=1e-14)
    assert gives["running_mean after training"] == 0.9 * 0 + 0.1 * 2.5
    variance = 0.9 * 1 + 0.1 * (5 / 3)  # the unbiased one: 5 / (4 - 1)
    np.testing.assert_allclose(
        gives["running_var after training"], variance, rtol=1e-14
    )


def test_the_numbers_of_cross_entropy():
    given, gives = numbers(Loss.find("cross_entropy"))
    p = np.exp(given["output"])
    p /= p.sum(1, keepdims=True)
    losses = -np.log(p[[0, 1], given["target"]])
    np.testing.assert_allclose(gives["one per sample"], losses, rtol=1e-14)
    np.testing.assert_allclose(gives["mean"], losses.mean(), rtol=1e-14)


def test_the_numbers_of_adam():
    given, gives = numbers(Optimizer.find("Adam"))
    w, g, m, v = given["w"], given["gradient"], 0, 0
    for step in (1, 2, 3):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        unbiased = np.sqrt(v / (1 - 0.999**step)) + 1e-8
        w = w - given["lr"] * (m / (1 - 0.9**step)) / unbiased
        np.testing.assert_allclose(gives[f"w after step {step}"], w, rtol=1e-12)


def test_the_numbers_of_accuracy_and_of_a_cosine():
    given, gives = numbers(Metric.find("accuracy"))
    assert gives["accuracy"] == (given["output"].argmax(1) == given["target"]).mean()
    (_, table) = worked_example(Schedule.find("cosine"))
    for at, rate in table.rows:
        wanted = 0.1 * (1 + np.cos(np.pi * int(at) / 10)) / 2
        assert float(rate) == pytest.approx(wanted, rel=1e-3, abs=1e-12)


# --- laziness ---------------------------------------------------------------------------

IMPORTED = """
import sys
from polyframe.cli import cli
cli(["explain", *{name!r}.split()], standalone_mode=False)
print("IMPORTED", *sorted(m for m in sys.modules if m in {modules!r}))
"""
HEAVY = ("torch", "tensorflow", "mxnet", "rich", "polyframe.backends", "polyframe.zoo")


def imported(name, *modules):
    code = IMPORTED.format(name=name, modules=(*HEAVY, *modules))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_nothing_is_imported_that_is_not_needed():
    kin = ("polyframe.spec.losses", "polyframe.spec.optimizers", "polyframe.spec.graph")
    assert imported("batch_norm", *kin) == []
    assert imported("nn.Linear", *kin) == []
    assert imported("batchnorm-momentum", "numpy") == []
    assert imported("losses", "numpy") == []
    # The check can fail:
    assert imported("batch_norm", "numpy") == ["numpy"]

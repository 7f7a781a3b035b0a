"""Topics: what a name stands for, however it is written, and what a wrong one hears."""

from __future__ import annotations

import pytest

from polyframe.errors import SpecError
from polyframe.spec.element import plain
from polyframe.teach.explain import native_names
from polyframe.teach.explain.docstrings import foreign_names
from polyframe.teach.explain.facts import stored
from polyframe.teach.explain.families import ELEMENTS, base_of, words
from polyframe.teach.explain.topics import (
    Topic,
    completions,
    find,
    names_of_frameworks,
    topics,
)

NAMES = {
    "batch_norm": "layer/BatchNorm",
    "BatchNorm": "layer/BatchNorm",
    "batch norm": "layer/BatchNorm",
    "layer/batchnorm": "layer/BatchNorm",
    "layers/BatchNorm": "layer/BatchNorm",
    "batchnorm-momentum": "difference/batchnorm-momentum",
    "mse": "loss/mse & metric/mse",
    "loss/mse": "loss/mse",
    "metrics/mse": "metric/mse",
    "constant": "schedule/constant & initializer/constant",
    "dropout": "layer/Dropout & aspect/dropout",
    "padding": "aspect/padding & term/padding",
    "fold_affine": "rewrite/fold_affine",
    "ema": "setting/ema & term/EMA",
    "receptive field": "term/receptive field",
    "strides": "term/stride",
    "NHWC": "term/NCHW and NHWC",
    "rewrite": "term/rewrite, pass",
    "bottleneck": "composite/Bottleneck",
    "skip connection": "term/residual connection, skip connection",
    "CNN": "term/CNN, convolutional neural network",
    "early stopping": "callback/early_stopping",
}
OF_FRAMEWORKS = {
    "BatchNormalization": "layer/BatchNorm",
    "nn.BatchNorm2d": "layer/BatchNorm",
    "torch.nn.BatchNorm1d": "layer/BatchNorm",
    "nn.Linear": "layer/Dense",
    "tf.keras.layers.Dense": "layer/Dense",
    "keras.layers.ReLU": "layer/ReLU",
    "F.relu": "layer/ReLU",
    "torch.nn.functional.relu": "layer/ReLU",
    "tf.nn.gelu": "layer/GELU",
    "MaxPooling2D": "layer/MaxPool2D",
    "tf.keras.layers.Conv2DTranspose": "layer/ConvTranspose2D",
    "SparseCategoricalCrossentropy": "loss/cross_entropy",
    "gluon.loss.SoftmaxCELoss": "loss/cross_entropy",
    "nn.CrossEntropyLoss": "loss/cross_entropy",
    "F.binary_cross_entropy_with_logits": "loss/binary_cross_entropy",
    "BCEWithLogitsLoss": "loss/binary_cross_entropy",
    "MeanSquaredError": "loss/mse",
    "SmoothL1Loss": "loss/smooth_l1",
    "torch.optim.SGD": "optimizer/SGD",
    "tf.keras.optimizers.AdamW": "optimizer/AdamW",
    "StepLR": "schedule/step",
    "torch.optim.lr_scheduler.ReduceLROnPlateau": "schedule/reduce_on_plateau",
    "nn.init.trunc_normal_": "initializer/truncated_normal",
}
"""What frameworks call things; nowhere in polyframe does a list of these stand."""
WRONG = {
    "batchnrom": "there is no topic 'batchnrom'. Did you mean 'BatchNorm', ",
    "con2d": "Did you mean 'Conv2D', 'Conv3D' or 'Conv1D'?",
    "crosentropy": "Did you mean 'cross_entropy'",
    "loss/msee": "there is no topic 'loss/msee'. Did you mean 'mse'?",
    "optimizer/mse": "there is no topic 'optimizer/mse'.",
    "batchnorm-momentun": "Did you mean 'batchnorm-momentum'",
    "nn.BatchNorm9d": "Did you mean 'BatchNorm'",
    "SpatialDropout": "Did you mean 'SpatialDropout2D' or 'dropout'?",
    "receptiv feild": "Did you mean 'receptive field'?",
    "kernel_size": "there is no topic 'kernel_size'. Did you mean 'kernel'? (a field of "
    "layer/AvgPool1D, layer/AvgPool2D, layer/AvgPool3D and 12 more)",
    "patience": "(a field of schedule/reduce_on_plateau, callback/early_stopping)",
    "xyz": "there is no topic 'xyz'. (`polyframe explain` lists the families of topics)",
    "": "there is no topic ''.",
    "/": "there is no topic '/'.",
    "../../etc/passwd": "there is no topic '../../etc/passwd'.",
    "nn.Activation": "stands for 4 topics: layer/ReLU, layer/Sigmoid, layer/Softsign, "
    "layer/Tanh (name one of them)",
    "a" * 300: "a topic has at most 200 characters, got 300",
    "\x1b[31mred": "there is no topic '\\x1b[31mred'.",
}


@pytest.mark.parametrize("name", [*NAMES, *OF_FRAMEWORKS])
def test_names(name):
    assert " & ".join(map(str, find(name))) == (NAMES | OF_FRAMEWORKS)[name]


@pytest.mark.parametrize("name", WRONG, ids=range(len(WRONG)))
def test_wrong_names_are_one_line_with_the_nearest_topics(name):
    with pytest.raises(SpecError) as error:
        find(name)
    assert WRONG[name] in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).isprintable()


def test_a_suggestion_is_a_topic():
    for name in ("batchnrom", "con2d", "crosentropy", "momentumm"):
        with pytest.raises(SpecError) as error:
            find(name)
        for suggested in str(error.value).split("'")[3::2]:
            assert find(suggested)


def test_every_topic_is_found_by_its_own_name():
    for topic in topics():
        assert topic in find(str(topic))
        if "." not in topic.name and "/" not in topic.name:
            assert topic in find(topic.name), topic


def test_every_element_and_more_is_a_topic():
    known = topics()
    for family in ELEMENTS:
        for word in words(family):
            if base_of(family).registry[word].__module__.startswith("polyframe."):
                assert Topic(family, word) in known
    assert set(stored()["topics"]) == {topic.family for topic in known} | {"defect"}


def test_names_of_frameworks_lead_to_their_elements():
    """Each name that a backend writes for one layer or optimizer leads there, in full;
    a loss may be an expression of what other topics are."""
    for name, found in names_of_frameworks().items():
        if "." in name:
            assert name.split(".")[0] in ("torch", "tensorflow", "mxnet")
        if len(found) == 1 and found[0].family != "loss":
            assert found[0] in find(name), name


def test_only_a_call_that_is_alone_is_a_name():
    imports = native_names.names_of_imports(
        "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
    )
    only = native_names.only_call
    assert only(["self.it = nn.Linear(3, 4)"], imports) == "torch.nn.Linear"
    assert only(["x = F.relu(x.sum(1))"], imports) == "torch.nn.functional.relu"
    assert only(["x = torch.exp(F.relu(x))"], imports) is None
    assert only(["x = self.it(x)"], imports) is None


def test_docstrings_name_what_frameworks_call_a_thing():
    text = "As ``StepLR``, ``torch.nn.init.dirac_``; ``lr``, ``Adam``, ``pf.Conv2D``"
    assert foreign_names(text) == ("StepLR", "torch.nn.init.dirac_")


@pytest.mark.parametrize(
    ("asked", "known", "same"),
    [
        ("SoftmaxCELoss", "SoftmaxCrossEntropyLoss", True),
        ("CrossEntropyLoss", "cross_entropy", True),
        ("BCEWithLogitsLoss", "binary_cross_entropy_with_logits", True),
        ("BCELoss", "binary_cross_entropy_with_logits", False),
        ("MSELoss", "mse_loss", True),
        ("relu", "relu6", False),
        ("Loss", "mse_loss", False),
    ],
)
def test_names_that_abbreviate(asked, known, same):
    assert native_names.same_function(asked, known) is same


def test_completion():
    assert completions("batchnorm-m") == ["batchnorm-momentum"]
    assert completions("batch_n")[0] == "BatchNorm"
    assert completions("loss/ms") == ["loss/mse"]
    assert completions("losses/ms") == ["losses/mse"]
    assert "loss/huber" in completions("loss/")
    assert completions("optimizers") == ["optimizers"]
    assert completions("nothing at all") == []
    assert len(completions("")) > 200


def test_plain_is_as_elements_have_it():
    for topic in topics():
        if topic.family in ELEMENTS:
            assert find(plain(topic.name))

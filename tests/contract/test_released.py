"""A program's module and its lines in ``linecache`` go when nothing runs it any more,
and stay as long as something does."""

from __future__ import annotations

import copy
import gc
import inspect
import linecache
import pickle
import sys
import traceback
import weakref

import numpy as np
import pytest
from helpers.support import BACKENDS

import polyframe as pf
from polyframe.contract.modules import PACKAGE

COUNT = 8


def registered():
    """What is registered for programs: modules, and files of lines."""
    gc.collect()
    modules = {name for name in sys.modules if name.startswith(f"{PACKAGE}.")}
    files = {name for name in linecache.cache if str(name).startswith(f"<{PACKAGE}")}
    return modules, files


def net(width):
    layers = [pf.Dense(width, name="fc1"), pf.ReLU(), pf.Dense(2, name="fc2")]
    return pf.Sequential(layers, (3,), name=f"released{width}")


X, Y = np.ones((4, 3), "f"), np.arange(4) % 2


def used(backend, width, looked_into=True):
    """A model that has run its programs, those that look into it too."""
    model = pf.compile(net(width), backend, "cross_entropy", device="cpu")
    model.predict(X)
    if not looked_into:
        return model
    model.train_step(X, Y)
    model.gradients(X, Y)
    model.activations(X)
    return model


@pytest.mark.parametrize("backend", BACKENDS)
def test_models_that_are_gone_leave_nothing(backend):
    used(backend, 1)
    before, counts = registered(), []
    natives, sessions = weakref.WeakSet(), weakref.WeakSet()
    for width in range(2, 2 + COUNT):
        model = used(backend, width, looked_into=width < 5)
        natives.add(model.native)
        sessions.add(model.engine.session)
        counts.append([len(names) for names in registered()])
        del model
    assert min(min(pair) for pair in counts) >= 2  # they were there while it lived
    assert registered() == before
    assert (len(natives), len(sessions)) == (0, 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_module_lives_as_long_as_one_of_the_models_that_share_it(backend):
    first, second = used(backend, 50), used(backend, 50)
    name = type(first.native).__module__
    assert type(second.native) is type(first.native)
    del first
    gc.collect()
    assert inspect.getsource(sys.modules[name]) == second.source
    second.train_step(X, Y)
    del second
    gc.collect()
    assert name not in sys.modules


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_living_models_source_is_seen(backend):
    model = used(backend, 51)
    gc.collect()
    assert inspect.getsource(sys.modules[type(model.native).__module__]) == model.source
    text = inspect.getsource(type(model.native))
    assert text.startswith(("class ", "@tf.keras.utils.reg")) and text in model.source


def test_tracebacks_show_the_lines_of_a_model_that_was_handed_out():
    native = used("torch", 52).native  # the model itself is gone
    gc.collect()
    with pytest.raises(RuntimeError) as caught:
        native(__import__("torch").ones(4, 7))
    shown = traceback.format_exception(caught.value)
    assert any("x = self.fc1(x)" in line for line in shown)
    assert type(pickle.loads(pickle.dumps(native))) is type(native)
    assert type(copy.deepcopy(native)) is type(native)
    name = type(native).__module__
    del native, caught, shown
    gc.collect()
    assert name not in sys.modules


def test_keras_forgets_classes_with_their_programs():
    from keras.src.saving import object_registration

    used("tensorflow", 53)
    gc.collect()
    import tensorflow as tf

    known = tf.keras.utils.get_custom_objects()
    names = object_registration.GLOBAL_CUSTOM_NAMES
    before, named = set(known), set(names)  # other tests' models may be alive
    model = used("tensorflow", 54)
    assert set(known) - before == {"polyframe>Released54"}
    assert {kind.__name__ for kind in set(names) - named} == {"Released54"}
    del model
    gc.collect()
    assert set(known) == before and set(names) == named

"""What ``compile`` takes: five things by position, the rest by keyword."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
from helpers.failing import fails

import polyframe as pf
from polyframe.spec.settings import Training, TrainingOptions

NET = pf.Sequential([pf.Dense(2, name="fc")], (3,), name="net")


def test_its_keywords_for_training_are_trainings_fields():
    fields = [field.name for field in dataclasses.fields(Training)]
    assert list(TrainingOptions.__annotations__) == fields
    assert Training(clip_norm=1.0).options()["clip_norm"] == 1.0
    assert Training(**Training(ema=0.5, freeze=("a",)).options()).ema == 0.5


def test_each_keyword_is_described():
    signature = inspect.signature(pf.compile)
    names = [name for name in signature.parameters if name != "training"]
    for name in (*names, *TrainingOptions.__annotations__):
        assert f"- ``{name}``: " in pf.compile.__doc__, name
    positional = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    assert positional == ["spec", "backend", "loss", "optimizer", "metrics"]


def test_wrong_keywords_are_told():
    with pytest.raises(TypeError, match="'clip_nrom'. Did you mean 'clip_norm'"):
        pf.compile(NET, "torch", clip_nrom=1.0)
    with pytest.raises(TypeError, match="positional"):
        pf.compile(NET, "torch", "mse", None, (), "float32")
    fails(pf.PolyframeError, lambda: pf.compile(NET, ema=2.0), "compile: ema: got 2.0")


def test_all_of_them_arrive():
    model = pf.compile(
        NET, "torch", "mse", device="cpu", clip_value=0.5, accumulate=2, ema=0.9,
        precision="bfloat16",
    )  # fmt: skip
    wanted = Training(clip_value=0.5, accumulate=2, ema=0.9, precision="bfloat16")
    assert model.engine.training == wanted
    frozen = pf.compile(
        pf.Sequential([pf.Dense(3, name="a"), pf.Dense(2, name="b")], (3,)),
        "torch", "mse", freeze="a",
    )  # fmt: skip
    assert frozen.engine.training == Training(freeze=("a",))


def test_a_model_is_whole_when_it_is_made():
    model = pf.compile(
        NET, "torch", "mse", device="cpu", schedule="constant", deterministic=True
    )
    try:
        assert model.schedule is not None and model.promises
        plain = pf.compile(NET, "torch", device="cpu")
        assert plain.schedule is None and plain.promises == []
    finally:
        import torch

        torch.set_deterministic_debug_mode("default")

"""What TensorFlow's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code, random_entry
from polyframe.compiler.python.source import Call, call
from polyframe.compiler.table import Entry, View


def own(make: Callable[[View], Call]) -> Callable[[View], Code]:
    """Keras's own layer."""
    return lambda view: Code("{self}({0}, training=training)", make(view))


def drop_path(view: View) -> Call:
    """One factor for each sample; none in inference, where it is the identity."""
    if not view.target.training:
        return call("layers.Dropout", {"rate": view.layer.p})
    shape = (None, *[1] * len(view.shape))
    return call("layers.Dropout", {"rate": view.layer.p}, noise_shape=shape)


def gaussian_noise(view: View) -> Code:
    """Keras's own, which takes a standard deviation of at most 1, else the helper."""
    stddev = view.layer.stddev
    name = "layers.GaussianNoise" if stddev <= 1 else "GaussianNoise"
    return Code(
        "{self}({0}, training=training)",
        call(name, {"stddev": stddev}),
        snippets=() if stddev <= 1 else (name,),
    )


FACTOR = "{0} * {draw}"

TABLE: dict[str, Entry] = {
    "DropPath": random_entry(FACTOR, own(drop_path)),
    "Dropout": random_entry(
        FACTOR, own(lambda v: call("layers.Dropout", {"rate": v.layer.p}))
    ),
    "GaussianNoise": random_entry("{0} + {draw}", gaussian_noise),
    "SpatialDropout2D": random_entry(
        FACTOR, own(lambda v: call("layers.SpatialDropout2D", {"rate": v.layer.p}))
    ),
}

"""What TensorFlow's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polyframe.compiler.python.code import Code, random_entry
from polyframe.compiler.python.source import Call, call
from polyframe.compiler.table import Entry, View


def own(make: Callable[[View], Call]) -> Callable[[View], Code]:
    """Keras's own layer."""
    return lambda view: Code("{self}({0}, training=training)", make(view))


def drop_path(view: View) -> Code:
    """One factor for each sample; none in inference, where it is the identity. Keras's
    own layer is made for one rank, and the helper for all, since it may be shared."""
    rate = {"rate": view.layer.p}
    if not view.target.training:
        return own(lambda view: call("layers.Dropout", rate))(view)
    if not view.target.native("dropout"):
        write = own(lambda view: call("DropPath", rate))
        return replace(write(view), snippets=("DropPath",))
    shape = (None, *[1] * len(view.shape))
    return own(lambda view: call("layers.Dropout", rate, noise_shape=shape))(view)


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
    "DropPath": random_entry(FACTOR, drop_path),
    "Dropout": random_entry(
        FACTOR, own(lambda v: call("layers.Dropout", {"rate": v.layer.p}))
    ),
    "GaussianNoise": random_entry("{0} + {draw}", gaussian_noise),
    "SpatialDropout2D": random_entry(
        FACTOR, own(lambda v: call("layers.SpatialDropout2D", {"rate": v.layer.p}))
    ),
}

"""What TensorFlow's programs say for noise layers."""

from __future__ import annotations

from collections.abc import Callable

from polyframe.compiler.python.code import Code, drawn
from polyframe.compiler.python.source import Call, call
from polyframe.compiler.table import Entry, View


def own(make: Callable[[View], Call]) -> Callable[[View], Code]:
    """Keras's own layer."""
    return lambda view: Code("{self}({0}, training=training)", make(view))


def drop_path(view: View) -> Call:
    """One factor a sample; the identity of inference needs none."""
    if not view.target.training:
        return call("layers.Dropout", {"rate": view.layer.p})
    shape = (None, *[1] * len(view.shape))
    return call("layers.Dropout", {"rate": view.layer.p}, noise_shape=shape)


def gaussian_noise(view: View) -> Code:
    """Keras's own takes a deviation of 1 at most."""
    stddev = view.layer.stddev
    name = "layers.GaussianNoise" if stddev <= 1 else "GaussianNoise"
    return Code(
        "{self}({0}, training=training)",
        call(name, {"stddev": stddev}),
        snippets=() if stddev <= 1 else (name,),
    )


FACTOR = "{0} * {draw} if training else {0}"

TABLE: dict[str, Entry] = {
    "DropPath": drawn(FACTOR, own(drop_path)),
    "Dropout": drawn(
        FACTOR, own(lambda v: call("layers.Dropout", {"rate": v.layer.p}))
    ),
    "GaussianNoise": drawn("{0} + {draw} if training else {0}", gaussian_noise),
    "SpatialDropout2D": drawn(
        FACTOR, own(lambda v: call("layers.SpatialDropout2D", {"rate": v.layer.p}))
    ),
}

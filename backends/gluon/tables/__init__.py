"""What MXNet Gluon's programs say for layers, losses and optimizers."""

from polyframe.backends.gluon import losses, optimizers
from polyframe.backends.gluon.tables import (
    activation,
    adaptive,
    batch_norm,
    conv,
    dense,
    merge,
    noise,
    norm,
    pool,
    resize,
    separable,
    shape,
    transposed,
)

TABLE = {
    **activation.TABLE,
    **adaptive.TABLE,
    **batch_norm.TABLE,
    **conv.TABLE,
    **dense.TABLE,
    **merge.TABLE,
    **noise.TABLE,
    **norm.TABLE,
    **pool.TABLE,
    **resize.TABLE,
    **separable.TABLE,
    **shape.TABLE,
    **transposed.TABLE,
    **losses.TABLE,
    **optimizers.TABLE,
}

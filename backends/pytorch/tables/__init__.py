"""What PyTorch's programs say for each layer: a table for each file of layers."""

from polyframe.backends.pytorch.tables import (
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
}

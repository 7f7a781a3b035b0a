"""Layers and loss scaling for mixed precision. Read, never imported.

MXNet's own AMP replaces operators for the whole process, other models included.
"""

from mxnet import nd
from mxnet.gluon import nn


class Low:
    """A layer that computes in `LOW`, between float32s; Gluon's own has one dtype.

    The gradient of `amp_cast` is lost where gradients are added over several batches,
    so it is not a parameter that is cast, but a copy.
    """

    def hybrid_forward(self, F, x, weight, bias=None):
        x, weight = F.amp_cast(x, dtype=LOW), F.amp_cast(F.identity(weight), dtype=LOW)
        bias = None if bias is None else F.amp_cast(F.identity(bias), dtype=LOW)
        y = super().hybrid_forward(F, x, weight, bias)
        return F.amp_cast(y, dtype="float32")


class Conv1D(Low, nn.Conv1D):
    """Gluon's Conv1D in lower precision."""


class Conv2D(Low, nn.Conv2D):
    """Gluon's Conv2D in lower precision."""


class Conv3D(Low, nn.Conv3D):
    """Gluon's Conv3D in lower precision."""


class Dense(Low, nn.Dense):
    """Gluon's Dense in lower precision."""


class LossScale:
    """Scale the loss up for float16; MXNet's own AMP changes the whole process.

    As PyTorch's GradScaler: an update whose gradients are not all finite is skipped
    and halves the scale; 2000 finite ones in a row double it.
    """

    def __init__(self):
        self.scale = 2.0**16
        self.good_steps = 0
        self.updates = 0

    def unscale(self, gradients):
        """Undo the scaling in place; return whether all gradients are finite."""
        for g in gradients:
            g /= self.scale  # exact: a power of two
        parts = [gradients[i : i + 200] for i in range(0, len(gradients), 200)]
        finite = [nd.multi_all_finite(*part, num_arrays=len(part)) for part in parts]
        return all(one.asscalar() for one in finite)

    def update(self, finite):
        """Count a step, and change the scale when that is due."""
        self.good_steps = self.good_steps + 1 if finite else 0
        self.updates += finite
        if not finite:
            self.scale /= 2
        elif self.good_steps == 2000:
            self.scale = min(2 * self.scale, 2.0**127)
            self.good_steps = 0

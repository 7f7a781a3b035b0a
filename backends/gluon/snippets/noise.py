"""Random layers that are copied into programs, where Gluon has none.

This file is read, never imported by polyframe.
"""

from mxnet import gluon


class DropPath(gluon.HybridBlock):
    """Drops whole samples of any shape; Gluon's dropout is told how many axes there are.

    Outside training it does nothing.
    """

    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def hybrid_forward(self, F, x):
        flat = F.Dropout(F.reshape(x, (0, -1)), p=self.rate, axes=(1,))
        return F.reshape_like(flat, x)


def gaussian_noise(F, x, stddev):
    """Add normal noise while training, which Gluon has no layer for.

    A symbol does not know whether it is training, but dropout does: it leaves ones as
    they are outside training, and makes them 0 or 2 in training. Minus 1, that is 0, or
    a random sign, and normal noise with random signs is normal.
    """
    sign = F.Dropout(F.ones_like(x), p=0.5) - 1
    return x + stddev * sign * F.random.normal_like(x)

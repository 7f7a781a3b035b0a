"""Random layers that are copied into programs, where Gluon has none.

This file is read, never imported by polyframe.
"""


def gaussian_noise(F, x, stddev):
    """Add normal noise while training, which Gluon has no layer for.

    A symbol does not know whether it is training, but dropout does: it leaves ones as
    they are outside training, and makes them 0 or 2 in training. Minus 1, that is 0, or
    a random sign, and normal noise with random signs is normal.
    """
    sign = F.Dropout(F.ones_like(x), p=0.5) - 1
    return x + stddev * sign * F.random.normal_like(x)

"""Random layers that are copied into programs, where Gluon has none.

This file is read, never imported by polyframe.
"""


def gaussian_noise(F, x, stddev):
    """Add normal noise while training.

    A symbol cannot tell whether it trains, but dropout can: here it leaves ones as
    they are outside training, and makes them 0 or 2 in training. Less 1 that is 0, or a
    random sign, which leaves normal noise normal.
    """
    sign = F.Dropout(F.ones_like(x), p=0.5) - 1
    return x + stddev * sign * F.random.normal_like(x)

"""Numbers that an optimizer keeps as a whole pass through files of float32."""

from __future__ import annotations

import math

import numpy as np
import pytest

from polyframe.contract.session import from_parts, in_parts, without_layout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "number", [0.0, 1.0, 1 / 3, -math.pi, 0.9**1000, 2.0**24 + 1, 0.1 + 2**-50]
)
def test_a_number_in_parts_is_the_same_number(number, dtype):
    parts = in_parts(number, dtype)
    assert parts.shape == (3,) and parts.dtype == dtype
    if abs(number) > 1e-20 or dtype == "float64":
        assert from_parts(parts) == number
    assert from_parts(parts) == pytest.approx(number, abs=1e-38)
    assert np.array_equal(in_parts(from_parts(parts), dtype), parts)


def test_what_is_of_no_parameter_has_no_layout():
    assert without_layout("optimizer/mu_product") and without_layout("loss_scale/scale")
    assert not without_layout("optimizer.weight/exp_avg")

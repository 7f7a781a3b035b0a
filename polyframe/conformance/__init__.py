"""Checks that backends compute what the definitions say: for any backend, any layer."""

from polyframe.conformance.layers import check_layer
from polyframe.conformance.measurements import Bound, Measurement
from polyframe.conformance.suite import FAMILIES, Check, checks

__all__ = ["FAMILIES", "Bound", "Check", "Measurement", "check_layer", "checks"]

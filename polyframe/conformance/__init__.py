"""Checks that backends compute what the definitions say, for anybody's layers."""

from polyframe.conformance.layers import Figure, check_layer

__all__ = ["Figure", "check_layer"]

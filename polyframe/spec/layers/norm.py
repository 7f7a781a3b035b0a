"""Normalisation over a sample: layer, group, instance, RMS, local response."""

from __future__ import annotations

__all__: list[str] = []

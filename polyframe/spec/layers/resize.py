"""Resizing images, and shuffling channels into pixels."""

from __future__ import annotations

__all__: list[str] = []

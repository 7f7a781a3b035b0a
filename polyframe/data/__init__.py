"""Data sets as NumPy arrays in the neutral layout (N, C, H, W). No framework needed."""

from polyframe.data.arrays import from_arrays
from polyframe.data.catalogue import describe, load, names
from polyframe.data.dataset import Dataset, check

__all__ = ["Dataset", "check", "describe", "from_arrays", "load", "names"]

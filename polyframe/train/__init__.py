"""Training: the one loop, its callbacks, and run folders."""

from polyframe.train.callbacks import Callback
from polyframe.train.history import History

__all__ = ["Callback", "History"]

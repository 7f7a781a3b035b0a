"""Training: the one loop, its callbacks, and run folders."""

from polyframe.train.callbacks.base import Callback, Plan, StepEnd, StopTraining
from polyframe.train.history import History

__all__ = ["Callback", "History", "Plan", "StepEnd", "StopTraining"]

"""Training: the one loop, its callbacks, and run folders."""

from polyframe.train.callbacks.base import Callback, Plan, StepEnd, StopTraining
from polyframe.train.callbacks.helpers import SpecCallback
from polyframe.train.callbacks.start import register_callback
from polyframe.train.history import History

__all__ = [
    "Callback",
    "History",
    "Plan",
    "SpecCallback",
    "StepEnd",
    "StopTraining",
    "register_callback",
]

"""A loop without a model: what callbacks are told, and crashes and resumes in it.

A training of ``epochs`` of ``steps`` each is a list of events: the steps of an epoch,
then its end, then the next epoch's. A place in it is the number of events before it.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np

from polyframe.train import Plan, StepEnd, StopTraining


def step_end(step, steps, samples=8):
    """The step with that number, from 1; its loss falls, its rate changes by times."""
    return StepEnd(
        epoch=(step - 1) // steps + 1,
        index=(step - 1) % steps,
        step=step,
        loss=1 / step,
        lr=0.1 * 0.5 ** (step // 3),
        samples=samples,
    )


def row_of(epoch, steps, val_loss=None):
    """An epoch's row, with a matrix and NumPy's numbers in it as metrics may give."""
    numbers = range((epoch - 1) * steps + 1, epoch * steps + 1)
    losses = [step_end(number, steps).loss for number in numbers]
    return {
        "epoch": epoch,
        "loss": sum(losses) / steps,
        "accuracy": np.float64(1 - 1 / (epoch + 1)),
        "confusion": np.eye(2),
        "val_loss": 2 / epoch if val_loss is None else val_loss,
        "val_accuracy": np.float32(0.5),
        "val_confusion": np.eye(3),
        "lr": step_end(epoch * steps, steps).lr,
        "seconds": 2.0,
        "examples_per_sec": steps * 4.0,
    }


def play(
    callbacks,
    epochs,
    steps,
    begin=0,
    end=None,
    states=None,
    known=True,
    val=None,
    keep=None,
):
    """Tell callbacks of the events from ``begin`` to ``end``.

    (Why it stopped, the states at ``keep``, or else at the end; they went through a
    file.) Only a training that comes to its end, or stops, ends in order.
    """
    whole = epochs * (steps + 1)
    epoch, index = divmod(begin, steps + 1)
    model = SimpleNamespace(steps_done=epoch * steps + index)
    for callback, state in zip(callbacks, states or []):
        callback.restore(state)
    plan = Plan(epochs, steps if known else None, 8, epoch, index)
    for callback in callbacks:
        callback.on_fit_begin(model, plan)
    kept = stopped = None
    for event in range(begin, whole if end is None else end):
        if event == keep:
            kept = states_of(callbacks)
        epoch, index = divmod(event, steps + 1)
        row = row_of(epoch + 1, steps, val and val[epoch])
        for callback in callbacks:
            try:
                if index < steps:
                    model.steps_done = epoch * steps + index + 1
                    callback.on_step_end(model, step_end(model.steps_done, steps))
                else:
                    callback.on_epoch_end(model, epoch + 1, row)
            except StopTraining as stop:
                stopped = str(stop)
        if stopped:
            break
    if end is None or stopped:
        for callback in callbacks:
            callback.on_fit_end(model)
    return stopped, kept or states_of(callbacks)


def states_of(callbacks):
    """What a checkpoint would give back."""
    return json.loads(json.dumps([c.state() for c in callbacks], allow_nan=False))

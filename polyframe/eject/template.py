"""The part of an ejected script that is the same on every backend.

``eject`` copies these functions; polyframe never calls them. What is computed here is the
text of polyframe's own functions, which stand before it in the script
(``polyframe.eject.copying``); its order is that of ``polyframe.train.loop``, and tests
hold the two against each other, bit for bit. ``polyframe.eject.lines`` says what the
comments ``#:`` and the names in capital letters are.
"""

# ruff: noqa: B007, B018, F821, F841 - blanks, and names that the program and the script's head define
# mypy: ignore-errors

import json
import math
import os
import signal
import sys
import time

import numpy as np


def load(part):
    """A part of the data: inputs, targets, and sample weights or None."""
    with np.load(HERE / "data.npz") as data:
        inputs = [data[f"{name}_{part}"] for name in INPUTS]
        targets = [data[f"{name}_{part}"] for name in TARGETS]
        given = data.get(f"weights_{part}")
    inputs = [as_floats(x) if x.dtype == np.uint8 else x for x in inputs]  #: bytes
    return inputs, targets, given


def as_floats(x):
    """Bytes as numbers from 0 to 1."""
    return (x.astype(np.float32) / np.float32(255)).astype(SAMPLES)


def cut(data, rows):
    """Some rows of the data."""
    inputs, targets, given = data
    given = None if given is None else given[rows]
    return [x[rows] for x in inputs], [y[rows] for y in targets], given


def changed(data, number, first):
    """A batch with the augmentations of step `number`; `first` samples of it are in other
    batches."""
    (x,), (y,), given = data
    x, y = augment(AUGMENTATION, x, y, SEED, number, first, CLASSES, IGNORED)
    return [x], [as_numbers(y)], given


def as_numbers(y):
    """Targets in the dtype of the weights; labels as they are."""
    return y.astype(DTYPE, copy=False) if y.dtype.kind == "f" else y


def uniform_bits(path, step, first, count, shape):
    """Uniform 32-bit integers for a random layer, (count, *shape), of the samples from
    `first` on."""
    size = int(np.prod(shape))
    counts = -(-size // 8)  # Philox makes four 64-bit words at a time
    bits = stream(SEED, "draw", step, path, skip=first * counts)
    raw = bits.random_raw(count * counts * 4)
    return raw.view(np.uint32).reshape(count, -1)[:, :size].reshape(count, *shape)


def train_on(model, objects, data, rows, number, rate, totals):
    """Take step `number` of the training on some rows of the data; its loss."""
    data = cut(data, rows)
    data = changed(data, number, 0)  #: augments
    inputs, targets, given = data
    count = len(rows)
    own = sample_weights(LOSSES, targets, given)  #: weighted
    (weights,) = normalise_weights([own], [count])  #: weighted
    seed(model, number)  #: seeds
    random = random_numbers(number, 0, count)  #: random
    BATCH
    STEP
    totals.add_loss(loss * count, count)
    totals.add(outputs, targets, given)  #: metrics
    return loss


def train_on_several(model, objects, data, rows, number, rate, totals):
    """Take step `number` of the training on some rows of the data, in several batches
    whose gradients are added up; its loss."""
    starts = range(0, len(rows), BATCH_SIZE)
    batches = [cut(data, rows[first : first + BATCH_SIZE]) for first in starts]
    batches = [changed(b, number, i) for b, i in zip(batches, starts)]  #: augments
    count, total = len(rows), 0.0
    own = [sample_weights(LOSSES, y, given) for _, y, given in batches]  #: weighted
    sizes = [len(y[0]) for _, y, _ in batches]  #: weighted
    scaled = normalise_weights(own, sizes)  #: weighted
    for first, (inputs, targets, given) in zip(starts, batches):
        last = first + BATCH_SIZE >= count
        weights = scaled[first // BATCH_SIZE]  #: weighted
        seed(model, number)  #: seeds
        random = random_numbers(number, first, len(targets[0]))  #: random
        BATCH
        STEP
        total += loss
        totals.add(outputs, targets, given)  #: metrics
    totals.add_loss(total * count, count)
    return total


def evaluate(model, data):
    """The loss, from its definition, and the metrics of a part of the data."""
    totals = Totals(METRICS)  #: not factors
    totals = Totals(METRICS, FACTORS)  #: factors
    for index in range(len(LOSSES)):  #: sums
        totals.add_loss(0.0, 1.0, index)  # a sum is divided by 1  #: sums
    for first in range(0, len(data[1][0]), EVALUATED):
        inputs, targets, given = cut(data, slice(first, first + EVALUATED))
        none = np.empty(len(inputs[0]))  #: rest
        inputs = [augment(AT_REST, x, none, SEED, 0)[0] for x in inputs]  #: rest
        outputs = predict(model, inputs)
        own = sample_weights(LOSSES, targets, given)
        for index, (output, target) in enumerate(zip(outputs, targets)):
            losses = LOSSES[index].define(output.astype(np.float64), target)
            weights, share = own[index]
            totals.add_loss(float((losses * weights).sum()), share or 0.0, index)
        totals.add(outputs, targets, given)
    return totals.values()


def write(path, arrays):
    """Write a file so that a crash leaves either the old one or the new one."""
    new = path.with_name(f".{path.name}")
    with open(new, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def save(model, objects, totals, progress):
    """Write a checkpoint: all that the training needs to go on with the same bits."""
    arrays = {"progress": np.array(json.dumps(progress))}
    for name, values in (
        ("weights", weights_of(model)),
        ("state", state_of(objects)),
        ("totals", totals.state()),
    ):
        arrays |= {f"{name}/{key}": value for key, value in values.items()}
    write(CHECKPOINT, arrays)


def saved():
    """The progress and the arrays of the checkpoint."""
    with np.load(CHECKPOINT) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("progress"))), arrays


def restore(model, objects, totals, arrays):
    """Go on from the arrays of a checkpoint."""
    parts = {"weights": {}, "state": {}, "totals": {}}
    for name, value in arrays.items():
        part, _, key = name.partition("/")
        parts[part][key] = value
    load_weights(model, parts["weights"])
    restore_state(objects, parts["state"])
    totals.restore(parts["totals"])


def enter(epoch, before, kept, weights):
    """Go on after `epoch` epochs with the layers that are trained then: weights, EMA and
    loss scale stay, and the optimizer begins anew."""
    globals().update(PHASES[epoch])
    model = build(weights)
    load_weights(model, weights_of(before))
    freeze(model)
    MADE
    set_averages(model, objects, averages(before, kept))  #: keeps
    objects["scaler"] = kept["scaler"]  #: scaler
    return model, objects


class Stop:
    """Ctrl-C: the training stops after the step under way; a second one stops at once."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGINT, self)

    def __call__(self, number, frame):
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def as_plain(value):
    """A value of a row as JSON takes it: a confusion matrix as lists."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def see(row):
    """Count the epochs in which what is monitored has not improved."""
    for monitor, _, patience in STOPPING:
        patience.see(row[monitor], row["epoch"])


def stopped():
    """Why the training ends early; "" if it does not."""
    for monitor, waits, patience in STOPPING:
        if patience.waited >= waits:
            return f"{monitor} has not improved for {waits} epochs"
    return ""


def is_best(row, history):
    """Whether an epoch has the best value so far."""
    before = [old[BEST] for old in history if math.isfinite(old[BEST])]
    return math.isfinite(row[BEST]) and all(BETTER for value in before)


def line_of(row):
    """The values of a row as text."""
    row = {name: as_plain(value) for name, value in row.items()}  #: matrix
    shown = (f"{name} {row[name]!r}" for name in row if name != "epoch")
    return ", ".join(shown)


def main():
    """Train, from the checkpoint on if there is one, and say how it goes."""
    train = load("train")
    validation = load("validation")  #: validates
    totals, history, stop = Totals(METRICS), [], Stop()
    epoch = begin = number = 0
    rate = LEARNING_RATE
    progress, arrays = saved() if CHECKPOINT.exists() else (None, {})
    if progress:
        epoch, begin, number, rate, history = progress
    globals().update(PHASES[max(e for e in PHASES if e <= epoch)])  #: phases
    with np.load(HERE / "weights.npz") as file:
        weights = dict(file)
    model = build(weights)
    predictor = build(weights)  #: predicts
    freeze(model)  #: freezes
    freeze(model)  #: phases
    MADE
    if progress:
        restore(model, objects, totals, arrays)
        again = f"{CHECKPOINT.name}: goes on after {number} steps"
        print(f"{again} (delete it to begin anew)", flush=True)
    for row in history:  #: patience
        see(row)  #: patience
    told = time.monotonic()  #: seconds
    while epoch < EPOCHS:
        if reason := stopped():  #: patience
            print(reason)  #: patience
            break  #: patience
        rows = order(SEED, epoch, len(train[1][0]))
        rows = rows[: len(rows) // BATCH_SIZE * BATCH_SIZE]  #: drops
        size = BATCH_SIZE  #: not accumulates
        size = BATCH_SIZE * ACCUMULATE  #: accumulates
        steps = -(-len(rows) // size)
        for index in range(begin, steps):
            at = epoch + index / steps  #: schedule
            rate = SCHEDULE.rate(LEARNING_RATE, at, EPOCHS, history)  #: schedule
            part = rows[index * size : (index + 1) * size]
            loss = TRAIN_ON(model, objects, train, part, number, rate, totals)
            number += 1
            if not math.isfinite(loss):
                sys.exit(f"the loss became {loss} in step {number}")
            due = stop.asked
            due = due or time.monotonic() - told > SAVE_SECONDS  #: seconds
            due = due or number % SAVE_STEPS == 0  #: every
            if due:
                save(model, objects, totals, [epoch, index + 1, number, rate, history])
                told = time.monotonic()  #: seconds
            if stop.asked:
                sys.exit(f"stopped after {number} steps; start again to go on")
        epoch, begin = epoch + 1, 0
        row = {"epoch": epoch, **totals.values()}
        totals = Totals(METRICS)
        if epoch in PHASES:  #: phases
            model, objects = enter(epoch, model, objects, weights)  #: phases
        load_weights(predictor, INFERENCE_WEIGHTS)  #: validates
        measured = evaluate(predictor, validation)  #: validates
        row |= {f"val_{name}": value for name, value in measured.items()}  #: validates
        row["lr"] = rate
        row = {name: as_plain(value) for name, value in row.items()}  #: matrix
        if is_best(row, history):  #: best
            write(HERE / "best.npz", INFERENCE_WEIGHTS)  #: best
        history.append(row)
        see(row)  #: patience
        save(model, objects, totals, [epoch, begin, number, rate, history])
        told = time.monotonic()  #: seconds
        print(f"epoch {epoch}: {line_of(row)}", flush=True)
    write(HERE / "trained.npz", INFERENCE_WEIGHTS)
    load_weights(predictor, INFERENCE_WEIGHTS)  #: tests
    print(f"test: {line_of(evaluate(predictor, load('test')))}")  #: tests

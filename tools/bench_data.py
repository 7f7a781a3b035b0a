"""What cutting and augmenting batches costs: examples a second on one core.

    python tools/bench_data.py [--rounds 7] [--examples 60000] [--json]

Contestants, on the same random data of Fashion-MNIST's shape, float32, batches of 128 in
a new order each epoch: polyframe (order, batch_of, augment), torch's DataLoader on a
map-style data set (a sample at a time, and by a sampler of batches), and tf.data
(samples shuffled as they are, and by their numbers). Each sits in a process of its own,
all on the same core; they take turns, an epoch each (A B C A B C ...), so a machine that
slows down slows all of them. Once plain, and once with random crop (padding 4), random
flip and normalize.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

BATCH, PADDING, SIDE = 128, 4, 28
MEAN, STD = 0.2860, 0.3530


def data(examples):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.random((examples, 1, SIDE, SIDE), dtype=np.float32)
    return x, rng.integers(0, 10, examples)


# --- contestants: (x, y, augmented) -> a function that makes an epoch's batches ---


def polyframe(x, y, augmented):
    from itertools import count

    from polyframe.data import augment, batch_of
    from polyframe.randomness import order
    from polyframe.spec.augmentations import Normalize, RandomCrop, RandomFlip

    ops = (RandomCrop(PADDING), RandomFlip(), Normalize(MEAN, STD)) if augmented else ()
    epochs, steps = count(), count()

    def epoch():
        shown = order(0, next(epochs), len(x))
        for low in range(0, len(x), BATCH):
            index = shown[low : low + BATCH]
            pair = batch_of(x, index), batch_of(y, index)
            yield augment(ops, *pair, 0, next(steps), 0, 10)

    return epoch


def torch_samples(x, y, augmented):
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader, Dataset

    torch.set_num_threads(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    class Samples(Dataset):
        def __len__(self):
            return len(y)

        def __getitem__(self, i):
            image = x[i]
            if augmented:
                image = functional.pad(image, (PADDING,) * 4)
                top, left = torch.randint(0, 2 * PADDING + 1, (2,)).tolist()
                image = image[:, top : top + SIDE, left : left + SIDE]
                if torch.rand(1) < 0.5:
                    image = image.flip(-1)
                image = (image - MEAN) / STD
            return image, y[i]

    loader = DataLoader(Samples(), BATCH, shuffle=True)
    return lambda: iter(loader)


def torch_batches(x, y, augmented):
    import torch
    from torch.nn import functional
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

    torch.set_num_threads(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    class Batches(Dataset):
        def __len__(self):
            return len(y)

        def __getitem__(self, index):
            images, n = x[index], len(index)
            if augmented:
                wide = functional.pad(images, (PADDING,) * 4)
                windows = wide.unfold(2, SIDE, 1).unfold(3, SIDE, 1)
                top, left = torch.randint(0, 2 * PADDING + 1, (2, n))
                images = windows[torch.arange(n), :, top, left]
                flipped = torch.rand(n, 1, 1, 1) < 0.5
                images = torch.where(flipped, images.flip(-1), images)
                images = images.sub_(MEAN).div_(STD)
            return images, y[index]

    rows = Batches()
    sampler = BatchSampler(RandomSampler(rows), BATCH, drop_last=False)
    loader = DataLoader(rows, sampler=sampler, batch_size=None)
    return lambda: iter(loader)


def tensorflow_change(augmented):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    def change(images, labels):
        if not augmented:
            return images, labels
        n = tf.shape(images)[0]
        sides = [[0, 0], [PADDING, PADDING], [PADDING, PADDING], [0, 0]]
        images = tf.pad(images, sides)
        for axis in (1, 2):
            start = tf.random.uniform((n, 1), 0, 2 * PADDING + 1, tf.int32)
            places = start + tf.range(SIDE)
            images = tf.gather(images, places, axis=axis, batch_dims=1)
        flipped = tf.random.uniform((n, 1, 1, 1)) < 0.5
        images = tf.where(flipped, tf.reverse(images, [2]), images)
        return (images - MEAN) / STD, labels

    return change


def tf_samples(x, y, augmented):
    import tensorflow as tf

    change = tensorflow_change(augmented)
    pairs = tf.data.Dataset.from_tensor_slices((x.reshape(-1, SIDE, SIDE, 1), y))
    pairs = pairs.shuffle(len(y)).batch(BATCH)
    pairs = pairs.map(change) if augmented else pairs
    return lambda: iter(pairs)


def tf_numbers(x, y, augmented):
    import tensorflow as tf

    change = tensorflow_change(augmented)
    images, labels = tf.constant(x.reshape(-1, SIDE, SIDE, 1)), tf.constant(y)
    rows = tf.data.Dataset.range(len(y)).shuffle(len(y)).batch(BATCH)
    rows = rows.map(lambda i: change(tf.gather(images, i), tf.gather(labels, i)))
    return lambda: iter(rows)


CONTESTANTS = {
    "polyframe": polyframe,
    "DataLoader": torch_samples,
    "DataLoader, batch sampler": torch_batches,
    "tf.data": tf_samples,
    "tf.data, numbers": tf_numbers,
}
WORK = {"plain": False, "crop, flip, normalize": True}


# --- processes -------------------------------------------------------------------


def worker(name, examples):
    """An epoch for each line on stdin, which names the work; its seconds on stdout."""
    x, y = data(examples)
    makers = {}
    for line in sys.stdin:
        work = line.strip()
        if work not in makers:
            makers[work] = CONTESTANTS[name](x, y, WORK[work])
        began, seen = time.perf_counter(), 0
        for _, labels in makers[work]():
            seen += len(labels)
        seconds = time.perf_counter() - began
        assert seen == examples, (name, seen)
        print(seconds, flush=True)


def start(name, examples, core):
    """A contestant's process, on one core from its first moment on."""
    return subprocess.Popen(
        [sys.executable, __file__, "--worker", name, "--examples", str(examples)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )


def ask(process, work):
    """The seconds of one epoch."""
    process.stdin.write(f"{work}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--examples", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(given.worker, given.examples)
        return
    core = max(os.sched_getaffinity(0))
    running = {name: start(name, given.examples, core) for name in CONTESTANTS}
    seconds = {(work, name): [] for work in WORK for name in CONTESTANTS}
    for round_ in range(given.rounds + 1):
        for (work, name), times in seconds.items():
            took = ask(running[name], work)
            if round_:  # the first one warms up
                times.append(took)
    for process in running.values():
        process.communicate()
    rows = []
    for (work, name), times in seconds.items():
        ratios = sorted(b / a for a, b in zip(seconds[work, "polyframe"], times))
        rows.append(
            {
                "work": work,
                "contestant": name,
                "examples_per_sec": given.examples / statistics.median(times),
                "ratio": statistics.median(ratios),
                "lowest": ratios[0],
                "highest": ratios[-1],
            }
        )
    if given.json:
        json.dump({"batch": BATCH, "core": core, "rows": rows}, sys.stdout, indent=2)
        return
    print(f"{given.examples:,} x (1, 28, 28) float32, batch {BATCH}, one core")
    print(f"{'work':<24}{'contestant':<27}{'examples/s':>12}   polyframe is faster by")
    for r in rows:
        print(
            f"{r['work']:<24}{r['contestant']:<27}{r['examples_per_sec']:>12,.0f}"
            f"{r['ratio']:>8.2f} x ({r['lowest']:.2f} to {r['highest']:.2f})"
        )


if __name__ == "__main__":
    main()

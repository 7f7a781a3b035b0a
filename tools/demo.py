"""The demo: one spec, three native programs, trained on real data, losses beside losses.

    python tools/demo.py [--epochs 5]

Trains the shipped recipe `fashion_cnn` on every backend that is installed, and shows
that they walk the same path. Where Fashion-MNIST cannot be had it takes `digits_cnn`.
"""

import argparse
import time

import polyframe as pf
from polyframe.cli import spin_shortly
from polyframe.contract.registry import usable
from polyframe.data import load
from polyframe.errors import DataError


class FirstLosses(pf.train.Callback):
    """Keeps the losses of the first steps, and says how the training goes."""

    tolerates_delay = True  # it looks at no weights, so the device need not wait for it

    def __init__(self, count):
        self.count, self.losses = count, []

    def on_step_end(self, model, step):
        if len(self.losses) < self.count:
            self.losses.append(step.loss)

    def on_epoch_end(self, model, epoch, row):
        print(
            f"  epoch {epoch}: loss {row['loss']:.4f}, "
            f"test accuracy {row['val_accuracy']:.4f}, {row['seconds']:.1f} s",
            flush=True,
        )


def choose():
    """The recipe and its data: Fashion-MNIST, or the digits that are shipped."""
    recipe = pf.load_recipe("fashion_cnn")
    try:
        return recipe, load(**recipe.data)
    except DataError as error:
        print(f"Fashion-MNIST cannot be had here: {error}")
        print("So the demo trains on the 8x8 digits that polyframe ships.\n")
        recipe = pf.load_recipe("digits_cnn")
        return recipe, load(**recipe.data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    epochs = parser.parse_args().epochs
    spin_shortly()
    recipe, data = choose()
    print(f"{recipe.name} on {data.name} ({data.source}), {epochs} epochs")
    (x, y), test = data.train, data.test
    watched, results = {}, {}
    for name, backend in usable().items():
        model = pf.compile(
            recipe.model, name, loss=recipe.loss, optimizer=recipe.optimizer,
            metrics=["accuracy"], seed=recipe.seed,
        )  # fmt: skip
        print(f"\n{backend.title} on {model.device}", flush=True)
        watched[name] = FirstLosses(20)
        began = time.perf_counter()
        history = model.fit(
            x, y, epochs=epochs, batch_size=recipe.batch_size, validation_data=test,
            callbacks=[watched[name]],
        )  # fmt: skip
        seconds = time.perf_counter() - began
        results[name] = (history["val_accuracy"][-1], history["loss"][-1], seconds)

    print("\nThe loss of each of the first steps:")
    print("step  " + "".join(f"{name:>14}" for name in watched))
    columns = [watch.losses for watch in watched.values()]
    for step, losses in enumerate(zip(*columns)):
        print(f"{step:4}  " + "".join(f"{loss:14.7f}" for loss in losses))
    apart = max((max(row) - min(row)) / min(row) for row in zip(*columns))
    print(f"largest relative difference in these {len(columns[0])} steps: {apart:.1e}")

    print(f"\nAfter {epochs} epochs:")
    for name, (accuracy, loss, seconds) in results.items():
        print(
            f"{name:>12}: test accuracy {accuracy:.4f}, training loss {loss:.4f}, "
            f"{seconds:.0f} s"
        )


if __name__ == "__main__":
    main()

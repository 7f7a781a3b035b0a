"""Where PyTorch's own kernels kill the process, the programs do not; in a process of its
own, since a crash of this one would end all tests."""

from __future__ import annotations

import subprocess
import sys

GROUP_NORM = '''\
"""Steps of nets whose group norm has an input that needs no gradient."""
import numpy as np
import torch
from torch import nn

import polyframe as pf


def net(*front, shape=(4, 5, 7), **options):
    norm = pf.GroupNorm(2, name="norm", **options)
    end = pf.Conv2D(3, 3, name="end"), pf.Flatten(name="flatten"), pf.Dense(2, name="fc")
    return pf.Sequential([*front, norm, *end], shape, name="net")


class Net(nn.Module):
    """The same by hand, on contiguous inputs."""

    def __init__(self, front, affine):
        super().__init__()
        if front:
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.front, self.norm = front, nn.GroupNorm(2, 4, affine=affine)
        self.end, self.fc = nn.Conv2d(4, 3, 3), nn.Linear(45, 2)

    def forward(self, x):
        x = self.conv(x) if self.front else x
        return self.fc(self.end(self.norm(x)).flatten(1))


def by_hand(model):
    for weight in (*model.native.conv.parameters(), model.native.norm.bias):
        weight.requires_grad_(False)


conv = pf.Conv2D(4, 3, padding="same", name="conv")
turned = pf.Permute((3, 1, 2), name="turn")
nothing = lambda model: None
CASES = {
    "first in the net": (net(), {}, nothing, ()),
    "after a frozen layer": (net(conv), {"freeze": ["conv"]}, nothing, ()),
    "after one frozen by hand": (net(conv), {}, by_hand, ("norm.bias",)),
    "without weights": (net(affine=False), {}, nothing, ()),
    "on permuted axes": (net(turned, shape=(5, 7, 4)), {"optimize": False}, nothing, ()),
}
for name, (spec, options, freeze, frozen) in CASES.items():
    for count in (1, 3):
        print(name, count, flush=True)
        model = pf.compile(
            spec, "torch", "mse", pf.SGD(0.1), dtype="float64", device="cpu", **options
        )
        assert "channels_last" in model.source or "optimize" in options
        freeze(model)
        before = model.weights()
        rng = np.random.default_rng(count)
        x = rng.normal(size=(count, *spec.infer().inputs[0][1]))
        y = rng.normal(size=(count, 2))
        reference = Net("conv.weight" in before, "norm.weight" in before).double()
        named = dict(reference.named_parameters())
        assert set(named) == set(before)
        with torch.no_grad():
            for key, value in before.items():
                named[key].copy_(torch.tensor(value))
        given = x if x.shape[1] == 4 else np.moveaxis(x, 3, 1).copy()
        loss = nn.functional.mse_loss(reference(torch.tensor(given)), torch.tensor(y))
        loss.backward()
        assert abs(model.train_step(x, y) - loss.item()) < 1e-12
        for key, value in model.weights().items():
            still = key.startswith("conv.") or key in frozen
            step = 0 if still else 0.1 * named[key].grad.numpy()
            np.testing.assert_allclose(value, before[key] - step, atol=1e-13)
        model.gradients(x, y)
        model.predict(x)
model = pf.compile(net(), "torch", "mse", device="cpu", precision="bfloat16")
print("in bfloat16", flush=True)
model.train_step(np.zeros((3, 4, 5, 7), "float32"), np.zeros((3, 2), "float32"))
print("done")
'''


def run(program):
    """A program that names what it does next; its last word is "done"."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600
    )
    said = done.stdout.splitlines()
    assert (done.returncode, said[-1:]) == (0, ["done"]), (said, done.stderr)


def test_group_norm_of_what_needs_no_gradient():
    run(GROUP_NORM)

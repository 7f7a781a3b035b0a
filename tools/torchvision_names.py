"""Keep the names and shapes of torchvision's weights, after a look at what they compute.

``python tools/torchvision_names.py [MODEL…]`` needs a torchvision that is installed (no
test does). It saves each shipped model of torchvision with random weights, loads the file
by name, compares the predictions in float64, and writes ``tests/zoo/torchvision.json``: a
fingerprint of each ``state_dict``, with which the tests compare the shipped models.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "tests/zoo/torchvision.json"
WITHOUT_AUXILIARY_HEADS = {"googlenet", "inception_v3"}
BOUND = 1e-10


def fingerprint(shapes: Mapping[str, Iterable[int]]) -> str:
    """SHA-256 of the names and shapes, a line each, sorted."""
    lines = sorted(f"{name} {tuple(shape)}\n" for name, shape in shapes.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def theirs(name: str) -> Any:
    """torchvision's model with random weights and statistics, in float64."""
    import torch
    from torchvision import models

    torch.manual_seed(0)
    options: dict[str, Any] = {}
    if name in WITHOUT_AUXILIARY_HEADS:
        options = {"aux_logits": False, "init_weights": False}
    model = getattr(models, name)(**options).double().eval()
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif key.endswith(("running_var", "layer_scale")):  # which is 1e-6: no block
            value.uniform_(0.5, 1.5)
    return model


def checked(name: str, folder: Path) -> dict[str, Any]:
    """What is kept of a model that predicts as torchvision's does."""
    import numpy as np
    import torch

    import polyframe as pf

    their_model = theirs(name)
    state = their_model.state_dict()
    torch.save(state, folder / "weights.pth")
    model = pf.compile(getattr(pf.zoo, name)(), "torch", dtype="float64", device="cpu")
    rename = pf.zoo.TORCHVISION_RENAME.get(name)
    report = model.load_weights(folder / "weights.pth", rename=rename)
    assert report.complete, report
    x = np.random.default_rng(0).normal(size=(1, *model.graph.inputs[0][1]))
    with torch.no_grad():
        wanted = their_model(torch.from_numpy(x)).numpy()
    distance = np.abs(model.predict(x) - wanted).max() / np.abs(wanted).max()
    print(
        f"{name}: {len(state)} entries, predictions differ by {distance:.1e}",
        flush=True,
    )
    assert distance < BOUND, name
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    return {"entries": len(shapes), "sha256": fingerprint(shapes)}


def main(names: list[str]) -> None:
    """Check all models, or those named, and write what is kept."""
    import torchvision

    import polyframe as pf

    known: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept = known.get("models", {})
    with tempfile.TemporaryDirectory() as folder:
        for name in names or pf.zoo.list():
            if hasattr(torchvision.models, name):
                kept[name] = checked(name, Path(folder))
    version = torchvision.__version__.partition("+")[0]
    content = {"torchvision": version, "models": dict(sorted(kept.items()))}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

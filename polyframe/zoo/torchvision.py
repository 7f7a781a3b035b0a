"""How the names in torchvision's ``state_dict`` become those of the shipped models."""

from __future__ import annotations

from collections.abc import Mapping

TORCHVISION_RENAME: Mapping[str, Mapping[str, str]] = {
    # Layers on the channels where torchvision transposes to channels last and back.
    "convnext_tiny": {
        "features.*.layer_scale": "features.*.layer_scale.weight",
        "features.*.block.2.": "features.*.block.1.",
        "features.*.block.3.": "features.*.block.2.",
        "features.*.block.5.": "features.*.block.4.",
    },
    "regnet_y_400mf": {"trunk_output.block*.block*-": "trunk_output.block*.block*_"},
}
"""Model → ``rename`` for ``Model.load_weights``. The models that are not here have
torchvision's names."""

"""The optimizers that the suite checks: every example of every class."""

from __future__ import annotations

from polyframe.spec.optimizers import Optimizer


def rules() -> dict[str, Optimizer]:
    """Name ("adam", "sgd, lr=0.1, momentum=0.8") → optimizer, those of plug-ins too."""
    optimizers = {}
    for word, cls in sorted(Optimizer.registry.items()):
        for options in cls.examples:  # type: ignore[attr-defined]
            rule = cls(**options)
            fields = (f"{name}={value}" for name, value in rule.options().items())
            optimizers[", ".join([word.lower(), *fields])] = rule
    return optimizers  # type: ignore[return-value]

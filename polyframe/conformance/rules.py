"""Optimizers as the suite takes them: each in every example of its class."""

from __future__ import annotations

from polyframe.spec.optimizers import Optimizer


def rules() -> dict[str, Optimizer]:
    """Name ("adam", "sgd, lr=0.1, momentum=0.8") → optimizer, plug-ins' among them."""
    found = {}
    for word, cls in sorted(Optimizer.registry.items()):
        for options in cls.examples:  # type: ignore[attr-defined]
            rule = cls(**options)
            fields = (f"{name}={value}" for name, value in rule.options().items())
            found[", ".join([word.lower(), *fields])] = rule
    return found  # type: ignore[return-value]

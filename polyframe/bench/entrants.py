"""The contestants of a comparison, and which of them can run here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyframe.bench.settings import Settings

KERAS = ("tensorflow", "torch", "jax")
"""Keras's backends, called as the modules that they need."""


@dataclass(frozen=True)
class Entrant:
    """One contestant.

    ``kind`` says what runs: "fit" (polyframe's loop, as in a normal run), "program" (the
    emitted program in a bare loop), "idiomatic" (the same with ``optimize=False``),
    "hand" (a hand-written program), "keras" or "onnxruntime".
    ``env``: environment variables that its process needs before anything is imported.
    """

    name: str
    kind: str
    backend: str
    folder: str = ""  # of the hand-written programs
    trainer: str = ""  # the file there that says how one trains or predicts
    env: dict[str, str] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "backend": self.backend,
            "folder": self.folder,
            "trainer": self.trainer,
        }


def entrants(
    settings: Settings, backends: Sequence[str], skip: Sequence[str] = ()
) -> list[Entrant]:
    """All contestants that can run, except those whose name contains a word of
    ``skip``."""
    contestants: list[Entrant] = []
    for backend in backends:
        contestants += [
            Entrant(f"{backend}: polyframe", "fit", backend),
            Entrant(f"{backend}: emitted program", "program", backend),
            Entrant(f"{backend}: idiomatic program", "idiomatic", backend),
            *handwritten(settings, backend),
        ]
    contestants += other_tools(settings)
    return [
        entrant
        for entrant in contestants
        if not any(word in entrant.name for word in skip)
    ]


def handwritten(settings: Settings, backend: str) -> Iterator[Entrant]:
    """The hand-written programs of this model; a framework whose models are written
    with Keras has only a training step of its own."""
    for folder in (backend, "keras"):
        if settings.rival(folder) and settings.rival(backend, "training"):
            env = {"KERAS_BACKEND": backend} if folder == "keras" else {}
            name = f"{backend}: by hand"
            yield Entrant(name, "hand", backend, folder, "training", env)
            break
    if settings.rival(backend) and settings.rival(backend, "inference"):
        name = f"{backend}: by hand, for inference"
        yield Entrant(name, "hand", backend, backend, "inference")


def other_tools(settings: Settings) -> Iterator[Entrant]:
    """Other tools, if they are installed."""
    if settings.rival("keras") and installed("keras"):
        for backend in filter(installed, KERAS):
            env = {"KERAS_BACKEND": backend}
            name = f"keras on {backend}"
            yield Entrant(name, "keras", backend, "keras", "training", env)
    needed = ("onnx", "onnxruntime", "torch")
    exporter = settings.rival("onnxruntime", "inference")
    if settings.rival("torch") and exporter and all(map(installed, needed)):
        yield Entrant("onnxruntime", "onnxruntime", "torch", "torch", "inference")


def installed(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    return importlib.util.find_spec(module) is not None

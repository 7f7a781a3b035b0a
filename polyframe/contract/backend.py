"""The contract that a backend fulfils.

A backend is one folder and one entry point in the group ``polyframe.backends``. It
*writes* programs (which imports no framework) and *opens* them (which does).
"""

from __future__ import annotations

import abc
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from polyframe.compiler.program import Program
from polyframe.compiler.table import Entry, Table, Target, added_entries
from polyframe.compiler.training import TrainingSpec
from polyframe.contract.devices import Device
from polyframe.contract.gaps import FILE, Gap, later, load_gaps
from polyframe.contract.session import InferenceSession, TrainingSession
from polyframe.errors import BackendError, WeightsError
from polyframe.io.array import Array
from polyframe.io.version import __version__
from polyframe.spec.layers.base import Shape
from polyframe.spec.typed import TypedGraph


@dataclass(frozen=True)
class Probe:
    """What ``doctor`` says of a backend."""

    usable: bool
    version: str | None
    devices: tuple[str, ...] = ()
    problem: str | None = None


DETERMINISM_NOTE = (
    "equal bits need the same versions, processor type and number of threads; another "
    "device or batch size rounds differently"
)
"""What no framework promises."""


class Backend(abc.ABC):
    """One framework: its table, its defaults, its writer and its sessions."""

    name: ClassVar[str]  # "torch"
    title: ClassVar[str]  # "PyTorch"
    install: ClassVar[str]  # the command that installs the framework
    abilities: ClassVar[frozenset[str]]  # of polyframe.contract.abilities
    table: ClassVar[Table]  # what it writes for each layer, loss and optimizer
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # for semantics="native"
    written_for: ClassVar[str] = __version__
    """The version of polyframe that it was written for; what came later is a gap of the
    kind "later". Left out, it is this version."""
    layout: ClassVar[Literal["NCHW", "NHWC"]] = "NCHW"  # its order of an image's axes
    eject_head: ClassVar[str] = ""  # what a script says above the framework's import
    eject_number: ClassVar[str] = "{}"  # how its step takes a number
    eject_packages: ClassVar[
        tuple[str, ...]
    ] = ()  # what a script has to have installed
    weight_files: ClassVar[Mapping[str, str]] = {}
    """Suffix of the framework's own files of weights (".pth") → the way out where
    ``read_weights`` cannot read them, as an error says it."""

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """What it does not do, from ``gaps.yaml`` beside the class."""
        return load_gaps(self.file(FILE))

    def file(self, name: str) -> Path | None:
        """A file or folder beside the class or, for a subclass of another backend without
        that file, beside the other; None where there is none."""
        for cls in type(self).__mro__:
            module = getattr(sys.modules.get(cls.__module__), "__file__", None)
            if issubclass(cls, Backend) and module is not None:
                path = Path(module).parent / name
                if path.exists():
                    return path
        return None

    @property
    def reasons(self) -> dict[str, str]:
        """Entry → why it is missing, wholly or in part."""
        gaps = (*later(self.written, self.written_for), *self.gaps)
        return {word: gap.text for gap in gaps for word in gap.entries}

    @property
    def written(self) -> Table:
        """The table, with what plug-ins have added to it and, for a subclass of another
        backend, to that one."""
        names = [cls.__dict__.get("name") for cls in reversed(type(self).__mro__)]
        added = [added_entries(name) for name in names if name is not None]
        return {
            **self.table,
            **{word: e for table in added for word, e in table.items()},
        }

    @property
    def entries(self) -> Table:
        """What is written, and the reasons of gaps."""
        entries = dict(self.written)
        for word, reason in self.reasons.items():
            entries[word] = replace(entries.get(word, Entry(())), gap=reason)
        return entries

    @abc.abstractmethod
    def probe(self) -> Probe:
        """Import the framework, and say what is there or why it is not usable."""

    def read_weights(self, path: Path) -> dict[str, Array]:
        """The arrays in a file with one of the suffixes of ``weight_files``, by the names
        that they have there; nothing in it is executed. For frameworks whose layouts are
        the canonical ones; WeightsError for the others, and for what cannot be read."""
        raise WeightsError(
            f"is a file of {self.title}, which has names and layouts of its own",
            where=str(path),
            hint=self.weight_files[path.suffix.lower()],
        )

    @abc.abstractmethod
    def write(
        self, graph: TypedGraph, target: Target, step: TrainingSpec | None
    ) -> Program:
        """Write the program for a graph; without a step, the model alone.
        UnsupportedError lists all that the backend cannot write."""

    @abc.abstractmethod
    def resolve_device(self, device: str) -> Device:
        """The device that a user means by "auto", "cpu", "gpu" or "gpu:1"."""

    def make_deterministic(self, device: Device) -> list[str]:
        """Ask the framework, process-wide, for kernels that give the same bits at every
        run; a line for each thing that it cannot promise on that device."""
        return [f"{self.title} has no such switch that polyframe knows"]

    @abc.abstractmethod
    def open_inference(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> InferenceSession:
        """Run a program without a step and build its model; ``inputs`` are the shapes of
        its inputs per sample."""

    def open_training(
        self, program: Program, target: Target, device: Device, inputs: Sequence[Shape]
    ) -> TrainingSession:
        """Run a program with a step; for a backend with the ability ``train``."""
        raise BackendError(
            "states the ability to train, and opens no training program",
            where=self.name,
        )

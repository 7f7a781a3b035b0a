"""Backends of which something is different."""

from __future__ import annotations

import copy
import dataclasses

from polyframe.contract import registry


def changed(name, **fields):
    """A backend of which something is different."""
    backend = copy.copy(registry.get(name))
    for field, value in fields.items():
        setattr(backend, field, value)
    return backend


def planted(name, text, new, session=None):
    """A backend whose programs say something else, or whose sessions do."""
    original = registry.get(name)

    class Planted(type(original)):
        hits = 0

        def write(self, *args):
            program = super().write(*args)
            files = {k: v.replace(text, new) for k, v in program.files.items()}
            if text:
                Planted.hits += files != program.files
            return dataclasses.replace(program, files=files)

        def open_training(self, *args):
            opened = super().open_training(*args)
            return session(opened) if session else opened

    return Planted()

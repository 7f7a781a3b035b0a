"""Backends whose sessions are changed when they are opened, as planted bugs need it."""

from __future__ import annotations


class Opening:
    """Stands before a backend's class: ``class Wrong(Opening, Torch)``."""

    def opened(self, session):
        """What becomes of a session of either kind; itself, unless overridden."""
        return session

    def open_inference(self, *args):
        return self.opened(super().open_inference(*args))

    def open_training(self, *args):
        return self.opened(super().open_training(*args))


def wrap(session, **methods):
    """Replace those methods that the session has: name → (the real one) → another."""
    for name, make in methods.items():
        if hasattr(session, name):
            setattr(session, name, make(getattr(session, name)))
    return session

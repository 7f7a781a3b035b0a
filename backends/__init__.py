"""The backends that polyframe ships, one folder each.

``polyframe.backends`` is this package, and ``polyframe.backends()`` lists what is
registered: one name, so the package can be called.
"""

import sys
import types


class _Callable(types.ModuleType):
    def __call__(self) -> list[str]:
        """The names of all registered backends, usable or not."""
        from polyframe.contract.registry import backends

        return backends()


sys.modules[__name__].__class__ = _Callable

"""Other people's layers: packages with an entry point, or a file of one's own.

A plug-in is a module that defines layers with ``@define`` and adds entries for them with
``add_entries``. It comes from the entry-point group ``polyframe.plugins`` or from
``polyframe --plugin FILE`` (``pf.load_plugin`` in Python), never from a spec, a recipe or a
run folder: those are data, and name its layers like any other.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import sys
import warnings
from importlib import metadata
from pathlib import Path
from types import ModuleType

from polyframe.errors import PolyframeError

GROUP = "polyframe.plugins"


@functools.cache
def load_installed() -> None:
    """Import every installed plug-in, once; a broken one only warns."""
    for point in metadata.entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:  # other people's code can raise anything
            warnings.warn(
                f"the plug-in {point.name} ({point.value}) does not load: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )


def load_plugin(path: str | Path) -> ModuleType:
    """Run a file of one's own that defines layers; a file is run once."""
    path = Path(path)
    if not path.is_file():
        raise PolyframeError("there is no such file", where=f"plugin {path}")
    text = path.read_bytes()
    name = f"polyframe_plugin_{path.stem}_{hashlib.sha256(text).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PolyframeError("is no Python file", where=f"plugin {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except PolyframeError:
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception):
            raise
        raise PolyframeError(
            f"raised {type(error).__name__}: {error}", where=f"plugin {path}"
        ) from error
    return module

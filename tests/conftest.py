"""What all tests share, and where they lie.

Each room of ``polyframe/`` has a folder of the same name here, and a test lies in the
room of what it tests. Besides the rooms:

- ``backends/``: what the programs of the three backends have in common, and what one of
  them does alone. What is asked of every backend is the suite's (``conformance/``).
- ``house/``: the rooms themselves: imports, circles, the length of files.
- ``docs/``: pages: their code runs, and generated pages are current.
- ``fuzz/``: random layers, graphs and specs; ``kept/`` holds what they found once, and
  every fuzzer keeps there what it finds. A fixed sample runs in ``make test``, the rest
  (``full``) in ``make test-full``.
- ``mutation/``: mechanical mutation of the emitted programs; ``python -m mutation`` in
  this folder runs all of it, ``conformance/test_mutation.py`` a sample.
- ``handwritten/``: programs written by hand, the rivals of ``polyframe bench``.
- ``native/``: native semantics against code that is written by hand (``rivals/``).
- ``example_backend/``: a backend in a package of its own, with its own tests.
- ``helpers/``: what several files import; no tests. A fixture that only one room needs
  is in that room's ``conftest.py``.

Sweeps over whole tables of options (every loss × reduction × dtype, all pairs of fields)
belong into ``sweeps/``: one file for each table, its sample in ``make test``.

Marks: ``full`` is for ``make test-full`` only. A test that needs a backend does not look
whether it is there: one that does not load is a failure (contract/test_usable.py).
"""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import pytest
from hypothesis import settings

# Processes that share processors: OpenMP's threads have to sleep while they wait. It is
# read when a framework is loaded, by this process and by those that it starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Random tests draw the same each time, and time nothing.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")

TIMES = Path(__file__).with_name("times.json")
"""Minutes that each of the two suites took, and on how many processors."""


def suite_of(config: pytest.Config) -> str | None:
    """``make test`` or ``make test-full``; None for a part of the tests."""
    whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS
    if not whole or config.option.keyword or hasattr(config, "workerinput"):
        return None
    return {"": "make test-full", "not full": "make test"}.get(config.option.markexpr)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Say how long it takes."""
    suite = suite_of(session.config)
    if suite:
        known = json.loads(TIMES.read_text())[suite]
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(
            f"{suite}: takes about {known['minutes']} minutes on "
            f"{known['processors']} processors; {len(os.sched_getaffinity(0))} are here"
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the frameworks hold by now is never garbage: do not look at it again."""
    gc.collect()
    gc.freeze()

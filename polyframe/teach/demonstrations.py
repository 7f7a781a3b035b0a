"""Demonstrations: each difference of the registry, shown by a native program.

A demonstration is a program for one framework, without polyframe: at most 10 lines that
print a behaviour, the last of which asserts it. It lies in
``demonstrations/<id with underscores>/<backend>.native``, and is read as text: polyframe
never imports it. ``run`` runs it in a process of its own, ``judge`` runs many in one
process.

    >>> shown = demonstration("batchnorm-momentum", "torch")
    >>> shown.claim
    'round(running_mean, 6) == 0.1'
    >>> run("batchnorm-momentum", "torch").holds
    True
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyframe.differences import difference
from polyframe.errors import BackendError, PolyframeError, SpecError, brief
from polyframe.io.text import read_text

FOLDER = Path(__file__).with_name("demonstrations")
CHILD = Path(__file__).with_name("child.py")
LONGEST = 10
"""Lines that a demonstration may have, besides blank ones and comments."""
ALONE = "# alone: "
"""How the first line begins where a program changes what others would see."""
LIMIT = 300.0
"""Seconds that a process of demonstrations may take."""
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
"""Variables that keep frameworks from talking, where they are not set."""
KERAS = {"KERAS_BACKEND": "tensorflow"}
"""Keras stands for TensorFlow here, whatever else it may run on."""


@dataclass(frozen=True)
class Demonstration:
    """A program of one framework that shows a difference.

    - ``difference``: the id of the difference; ``backend``: the backend's name;
    - ``text``: the whole program; ``body``: the program without its last statement, and
      ``claim``: the expression that its last statement asserts;
    - ``alone``: why it must not share a process with others; "" where it may.
    """

    difference: str
    backend: str
    text: str
    body: str
    claim: str
    alone: str


@dataclass(frozen=True)
class Outcome:
    """What a program did: whether its claim ``holds``, and its printed ``output``."""

    holds: bool
    output: str


@dataclass(frozen=True)
class Judgement:
    """What a demonstration did beside others.

    - ``output``: what it printed; ``error``: how it failed before its claim, or "";
    - ``verdicts``: claim → "holds", "fails", or the error that evaluating it raised.
    """

    output: str
    error: str
    verdicts: Mapping[str, str]


def file_of(difference_id: str, backend: str) -> Path:
    """Where the demonstration lies, whether or not it is there."""
    return FOLDER / difference_id.replace("-", "_") / f"{backend}.native"


def demonstration(difference_id: str, backend: str) -> Demonstration:
    """The demonstration of a difference on a backend; SpecError if there is none."""
    known = difference(difference_id)
    path = file_of(difference_id, backend)
    if backend not in known.backends or not path.is_file():
        there = [name for name in known.backends if file_of(known.id, name).is_file()]
        raise SpecError(
            f"has no demonstration on {brief(backend)}; "
            f"there are those on {', '.join(there) or 'no backend'}",
            where=difference_id,
        )
    return parse(read_text(path), difference_id, backend)


def demonstrations(difference_id: str) -> tuple[Demonstration, ...]:
    """All demonstrations of a difference, in the order of its ``backends``; SpecError for
    an unknown difference."""
    return tuple(
        demonstration(difference_id, name)
        for name in difference(difference_id).backends
        if file_of(difference_id, name).is_file()
    )


def parse(text: str, difference_id: str, backend: str) -> Demonstration:
    """A demonstration from its text, without running it. SpecError for a text that is not
    Python, has more than 10 lines, imports polyframe, or does not end with an assertion."""
    where = f"{difference_id}/{backend}.native"
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise SpecError(f"is not Python: {error}", where=where) from None
    lines = text.splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    if len(code) > LONGEST:
        raise SpecError(f"has {len(code)} lines; at most {LONGEST} fit", where=where)
    for node in ast.walk(tree):
        names = [alias.name for alias in getattr(node, "names", ())]
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(str(name).split(".")[0] == "polyframe" for name in names):
            raise SpecError("imports polyframe; it is to be native code", where=where)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Assert) or last.msg is not None:
        raise SpecError("does not end with `assert <claim>`", where=where)
    alone = lines[0].removeprefix(ALONE) if lines[0].startswith(ALONE) else ""
    body = "\n".join(lines[: last.lineno - 1]) + "\n"
    return Demonstration(
        difference_id, backend, text, body, ast.unparse(last.test), alone
    )


def run(
    difference_id: str,
    backend: str,
    python: str = sys.executable,
    limit: float = LIMIT,
) -> Outcome:
    """Run a demonstration as a program of its own, in an empty folder.

    ``python`` is the interpreter, this one by default; it needs the framework and NumPy,
    not polyframe. ``limit``: seconds that it may take. BackendError where it does not get
    to its claim: the framework is missing, an error, a crash, the time.
    """
    shown = demonstration(difference_id, backend)
    where = f"{difference_id} on {backend}"
    done = _process(python, shown.text, "", limit, where)
    failure = _last_line(done.stderr)
    if done.returncode and not failure.startswith("AssertionError"):
        raise BackendError(_ended(done.returncode, failure), where=where)
    return Outcome(not done.returncode, done.stdout)


def judge(
    chosen: Sequence[Demonstration],
    claims: Sequence[Sequence[str]],
    python: str = sys.executable,
    limit: float = LIMIT,
) -> list[Judgement]:
    """Run demonstrations of one framework, each once and in a namespace of its own, and
    evaluate claims in it: for each demonstration, those at its place in ``claims``.

    All share one process, since importing a framework takes seconds; those that are
    ``alone`` have one each. The other parameters are those of ``run``. A process that dies
    is an ``error`` of the demonstrations that it did not finish.
    """
    found: dict[int, Judgement] = {}
    together = [i for i, shown in enumerate(chosen) if not shown.alone]
    groups = [together] + [[i] for i, shown in enumerate(chosen) if shown.alone]
    for group in groups:
        if not group:
            continue
        tasks = [[chosen[i].body, list(claims[i])] for i in group]
        done = _process(
            python, CHILD.read_text(encoding="utf-8"), json.dumps(tasks), limit,
            f"demonstrations on {chosen[group[0]].backend}",
        )  # fmt: skip
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        found |= {i: Judgement(*answer) for i, answer in zip(group, answers)}
        how = _ended(done.returncode, _last_line(done.stderr))
        for i in group[len(answers) :]:
            found[i] = Judgement("", how, {})
    return [found[i] for i in range(len(chosen))]


def _process(
    python: str, program: str, request: str, limit: float, where: str
) -> subprocess.CompletedProcess[str]:
    """A finished process of a program, in an empty folder."""
    if os.sep in python:  # the folder is another one there
        python = os.path.abspath(python)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run(  # noqa: S603 - programs of this package
                [python, "-c", program],
                input=request,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
                cwd=folder,
                env={**QUIET, **os.environ, **KERAS},
            )
        except OSError as error:
            raise PolyframeError(
                f"there is no such interpreter: {error.strerror}", where=python
            ) from None
        except subprocess.TimeoutExpired:
            raise BackendError(f"took longer than {limit:g} s", where=where) from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "nothing was said")


def _ended(code: int, last: str) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"its process {how}: {last}"

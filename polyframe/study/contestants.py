"""Contestants: each a backend in a Python, from the command line or a configuration file.

``torch`` is the backend in the Python that runs the study; ``torch@PATH`` is it in
another, PATH being a virtual environment's folder or the interpreter itself; ``torch#2``
is ``torch`` once more, for a study of how much a contestant differs from itself. Any
other word is a name from the configuration file (``polyframe.io.config``).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from polyframe.contract import registry
from polyframe.errors import BackendError, PolyframeError, brief, did_you_mean
from polyframe.io.config import CONFIG, check_keys, read_config
from polyframe.plugins import loaded_files
from polyframe.spec.recipe import Recipe
from polyframe.study.jobs import PROTOCOL, Job, Message, run_job
from polyframe.study.plan import Contestant, slug

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
AGAIN = re.compile(r"(.+)#([0-9]{1,3})")
ENVIRONMENTS = (".venv", "venv", "env", ".env")
"""Names of folders that say nothing of what is in them."""
KEYS = ("backend", "python")
WHERE = "contestant {}"
ABOUT_LIMIT = 600.0
"""Seconds in which a framework has to be imported."""
PROBE_LIMIT = 60.0
PROBE = """\
import importlib.util, json, platform
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
print(json.dumps({"python": platform.python_version(), "polyframe": has("polyframe"),
                  "worker": has("polyframe.study.worker")}))
"""
"""Run in a Python whose worker gave no answer: is it a Python, and what does it lack?"""


def configured(path: Path | None) -> dict[str, Contestant]:
    """The contestants of a configuration file, by name; none without a file.
    PolyframeError where it is wrong. Relative paths are relative to the file's folder.
    Whether their Pythons are there is not looked at."""
    data = read_config(path)
    if path is None:
        return {}
    several = data.get("contestants") or {}
    if not isinstance(several, Mapping):
        raise PolyframeError(
            f"contestants is {brief(several)}; a mapping is needed",
            where=str(path),
            hint="NAME: {backend: torch, python: PATH}",
        )
    backends = registry.backends()
    made = {}
    for name, fields in several.items():
        where = f"{path}: contestants.{name}"
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in backends:
            raise PolyframeError(
                f"a contestant cannot be called {brief(name)}",
                where=str(path),
                hint="letters, digits, . _ + and -, and not the name of a backend",
            )
        if not isinstance(fields, Mapping):
            raise PolyframeError(
                f"is {brief(fields)}; a mapping is needed",
                where=where,
                hint="{backend: torch, python: PATH}",
            )
        check_keys(fields, KEYS, where)
        backend, python = fields.get("backend"), fields.get("python", "")
        if not isinstance(backend, str) or not backend:
            raise PolyframeError(
                f"backend is {brief(backend)}; a backend's name is needed", where=where
            )
        if not isinstance(python, str):
            raise PolyframeError(
                f"python is {brief(python)}; a path is needed", where=where
            )
        if python:
            python = os.path.abspath(path.parent / Path(python).expanduser())
        made[name] = Contestant(name, backend, python)
    return made


def parse_contestants(
    words: Sequence[str],
    named: Mapping[str, Contestant] | None = None,
    here: bool = True,
) -> tuple[Contestant, ...]:
    """The contestants that words name, in their order.

    ``named`` are those of a configuration file; ``here``: whether they run on this
    machine, so that their Pythons have to be there. PolyframeError for an unknown word, a
    Python that is not there, two of one name, and two that are one (the same backend in
    the same Python) unless one of them has its name on purpose: by the file, or ``#2``.
    """
    if not words:
        raise PolyframeError(
            "no contestant is given", where="compare", hint="such as -b torch"
        )
    contestants: list[Contestant] = []
    seen: dict[tuple[str, Path | str], tuple[str, bool]] = {}
    for word in words:
        one, on_purpose = parse_contestant(word, named or {}, here)
        for other in contestants:
            if slug(other.name).casefold() == slug(one.name).casefold():
                raise PolyframeError(
                    f"two contestants are called {one.name!r}",
                    where="compare",
                    hint=f"give each a name of its own in {CONFIG}, or write "
                    f"{once_more(word)} to compare it with itself",
                )
        key = one.backend, identity(one.python) if here else one.python
        twin, meant = seen.setdefault(key, (one.name, on_purpose))
        if twin != one.name and not (on_purpose or meant):
            raise PolyframeError(
                f"{twin} and {one.name} are one: {one.backend} in "
                f"{one.python or sys.executable}",
                where="compare",
                hint=f"to compare it with itself, write {twin}#2",
            )
        contestants.append(one)
    return tuple(contestants)


def once_more(word: str) -> str:
    """The word for a contestant once more: ``torch#2``, and after that ``torch#3``."""
    again = AGAIN.fullmatch(word)
    return f"{word}#2" if again is None else f"{again[1]}#{int(again[2]) + 1}"


def parse_contestant(
    word: str, named: Mapping[str, Contestant], here: bool = True
) -> tuple[Contestant, bool]:
    """The contestant of a word, and whether its name was given on purpose."""
    if word in named:
        one = named[word]
        if one.python:
            path = interpreter(one.python, word) if here else elsewhere(one.python)
            one = Contestant(one.name, one.backend, str(path))
        return one, True
    again = AGAIN.fullmatch(word)
    if again is not None:
        one, _ = parse_contestant(again[1], named, here)
        return Contestant(f"{one.name}#{again[2]}", one.backend, one.python), True
    backend, at, given = word.partition("@")
    if not at:
        known = [*registry.backends(), *named]
        if word not in known:
            raise BackendError(
                f"there is no backend or contestant {brief(word)}."
                f"{did_you_mean(word, known)}",
                hint=f"known: {', '.join(known) or 'none'}; BACKEND@PYTHON is a "
                f"backend in another Python, {CONFIG} gives such a pair a name",
            )
        return Contestant(word, registry.get(word).name), False
    if not backend or not given:
        raise PolyframeError(
            "is not BACKEND@PYTHON",
            where=WHERE.format(brief(word)),
            hint="such as torch@/opt/venvs/torch24",
        )
    python = interpreter(given, word) if here else elsewhere(given)
    return Contestant(f"{backend}@{folder_name(given)}", backend, str(python)), False


def folder_name(path: str) -> str:
    """How reports call a Python: the name of its environment's folder."""
    absolute = Path(os.path.abspath(Path(path).expanduser()))
    if absolute.name.startswith("python") and absolute.parent.name == "bin":
        absolute = absolute.parent.parent
    if absolute.name in ENVIRONMENTS and absolute.parent.name:
        return f"{absolute.parent.name}/{absolute.name}"
    return absolute.name


def interpreter(path: str | Path, word: str) -> Path:
    """The absolute path of an interpreter, given itself or by its environment's folder;
    PolyframeError unless there is a program. Links are not followed: a virtual
    environment's Python is one."""
    where = WHERE.format(word)
    given = Path(os.path.abspath(Path(path).expanduser()))
    python = given / "bin" / "python" if given.is_dir() else given
    if not python.exists():
        problem = "has no bin/python" if given.is_dir() else "does not exist"
        raise PolyframeError(
            f"{given} {problem}",
            where=where,
            hint="name the folder of a virtual environment, or an interpreter",
        )
    if not python.is_file() or not os.access(python, os.X_OK):
        raise PolyframeError(f"{python} is not a program, so no Python", where=where)
    return python


def elsewhere(path: str) -> Path:
    """The interpreter of a path on the nodes of a cluster, which this machine may not
    have: the path itself if it is called so, else that of the environment there."""
    given = Path(path)
    return given if given.name.startswith("python") else given / "bin" / "python"


def identity(python: str) -> Path:
    """What two paths of one interpreter have in common; "" is this one. The links inside
    a virtual environment are followed, but not the one that leaves it."""
    path = Path(os.path.abspath(python or sys.executable))
    if not (path.parent.parent / "pyvenv.cfg").is_file():
        return path.resolve()
    folder = path.parent.resolve()
    for _ in range(8):
        target = folder / os.readlink(path) if path.is_symlink() else None
        if target is None or target.parent.resolve() != folder:
            break
        path = target
    return folder / path.name


def about_job(contestant: Contestant, recipe: Recipe | None, device: str) -> Job:
    """The question what a contestant's Python has."""
    request = {
        "do": "about",
        "backend": contestant.backend,
        "recipe": None if recipe is None else recipe.to_data(),
        "plugins": loaded_files(),
    }
    return Job(
        contestant.name,
        request,
        contestant.python,
        device=device,
        time_limit=ABOUT_LIMIT,
        alone=False,
    )


def about(contestant: Contestant) -> Message:
    """What a contestant's Python has, on this machine: the answer of its worker, or
    ``{"usable": False, "problem": …}``."""
    try:
        if contestant.python:
            python = str(interpreter(contestant.python, contestant.name))
            contestant = Contestant(contestant.name, contestant.backend, python)
        answer = run_job(about_job(contestant, None, "gpu"))
        return checked_about(contestant, answer, None, ask_again=True)
    except PolyframeError as error:
        return {"usable": False, "problem": error.message, "hint": error.hint}


def checked_about(
    contestant: Contestant, answer: Message, spec_hash: str | None, ask_again: bool
) -> Message:
    """What a contestant said of itself. PolyframeError if it gave no answer (with
    ``ask_again``, its Python is asked why), speaks another protocol, understands another
    spec than the one with that hash, or its framework is not usable."""
    where = WHERE.format(contestant.name)
    result = answer.get("result")
    theirs = result.get("protocol") if isinstance(result, dict) else None
    theirs = answer.get("protocol", theirs)
    if theirs is not None and theirs != PROTOCOL:
        raise PolyframeError(
            f"its polyframe speaks protocol {brief(theirs)} of studies; this one speaks "
            f"{PROTOCOL}",
            where=where,
            hint="install one version of polyframe in both Pythons",
        )
    if not isinstance(result, dict) or answer.get("status") != "done":
        reason = diagnosis(contestant) if ask_again else None
        said = str(answer.get("error", "it gave no answer"))
        raise reason or PolyframeError(said, where=where)
    if not result.get("usable"):
        raise BackendError(
            f"{contestant.backend} is not usable: {result.get('problem')}", where=where
        )
    if spec_hash is not None and result.get("spec_hash") != spec_hash:
        raise PolyframeError(
            f"its polyframe reads the model as another spec (hash "
            f"{brief(result.get('spec_hash'))}, here {spec_hash!r})",
            where=where,
            hint="install one version of polyframe, with the same plug-ins, in both "
            "Pythons",
        )
    return result


def diagnosis(contestant: Contestant) -> PolyframeError | None:
    """Why a Python on this machine has no worker that answers; None if it should."""
    python, where = contestant.python or sys.executable, WHERE.format(contestant.name)
    try:
        done = subprocess.run(  # noqa: S603 - the Python that the user named
            [python, "-c", PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_LIMIT,
            check=False,
            env={**os.environ, "PYTHONSAFEPATH": "1"},  # as the worker has it
        )
        has = json.loads(done.stdout)
        version = has["python"]
    except (OSError, ValueError, TypeError, KeyError, subprocess.TimeoutExpired):
        return PolyframeError(f"{python} is no Python", where=where)
    if has.get("worker"):
        return None
    lacks = "polyframe that can run studies" if has.get("polyframe") else "polyframe"
    return PolyframeError(
        f"its Python {version} has no {lacks}",
        where=where,
        hint=f"install it: {python} -m pip install --upgrade polyframe",
    )

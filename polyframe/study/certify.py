"""The certificate of a study's variant: what the contestants compute, tensor by tensor,
each in its own Python.

The study's process imports no framework: a worker answers ``{"do": "trace", "recipe":
data, "backend": name, "device": …, "optimize": bool, "steps": n, "runs": [{"dtype",
"twin", "file"}]}`` by writing each run's tensors to the file that the study names, and
says which they are. The study compares them as ``polyframe verify`` does, by the same
bounds.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from polyframe.conformance.certificate import Certificate
from polyframe.conformance.subject import Subject, subject_of
from polyframe.conformance.trace import Key, Run, Trace, Traced, traced
from polyframe.conformance.verify import choose_dtypes, complete, runs_of
from polyframe.contract.registry import get, require
from polyframe.errors import BackendError, PolyframeError, brief
from polyframe.io.json_csv import finite
from polyframe.io.version import __version__
from polyframe.plugins import loaded_files
from polyframe.spec.recipe import Recipe, load_recipe
from polyframe.study.cell import import_framework
from polyframe.study.jobs import Executor, Job, Message
from polyframe.study.plan import Contestant, Study, Variant

Tell = Callable[[str], None]
KEPT = ".certificate-"
"""How the names of folders begin that hold tensors while they are compared."""


# --- in a contestant's process ---------------------------------------------------


def run_traces(request: Message, send: Callable[[Message], None]) -> Message:
    """Run what a certificate needs of one contestant, and write its tensors; which they
    are, by file, and what they were computed with."""
    recipe = load_recipe(request["recipe"])
    subject, backend = subject_of(recipe.model, recipe), get(request["backend"])
    import_framework(backend)
    steps, device = request["steps"], request["device"]
    runs = []
    for asked in request["runs"]:
        run = Run(asked["dtype"], asked["twin"])
        send({"event": "trace", "dtype": run.dtype, "twin": run.twin, "steps": steps})
        result = traced(subject, backend, run, steps, device, request["optimize"])
        arrays = {f"a{i}": value for i, value in enumerate(result.tensors.values())}
        with open(asked["file"], "xb") as file:
            np.savez(file, **arrays)
        runs.append({"keys": list(result.tensors), "programs": result.programs})
    return {
        "version": backend.probe().version,
        "python": platform.python_version(),
        "polyframe": __version__,
        "spec_hash": recipe.model.hash,
        "runs": runs,
    }


# --- in the study's process ------------------------------------------------------


def certify(
    study: Study,
    variant: Variant,
    executor: Executor,
    tell: Tell = lambda text: None,
    folder: str | Path | None = None,
) -> dict[str, Any]:
    """The certificate of a variant across the study's contestants, as plain data.

    It is that of ``polyframe verify`` for the variant's recipe with its own semantics,
    precision and settings, after ``Settings.certify_steps`` steps, by the names of the
    contestants, and has besides:

    - "variant", "optimize"; "contestants": name → backend, python, polyframe;
    - "recipe": the hash of the recipe without its seed (``recipe_hash``);
    - "hash": the SHA-256 of all this without the date (``certificate_hash``).

    ``folder``: where tensors are kept while they are compared, one that all nodes of the
    executor can write to; the system's own folder for that if left out. ``tell`` is called
    with what is being done. PolyframeError for fewer than two contestants, where one of
    them cannot run it, and where two do not read the same spec.
    """
    skipped = {
        each.contestant for each in study.skipped if each.variant == variant.name
    }
    contestants = [each for each in study.contestants if each.name not in skipped]
    where = f"certificate of {variant.name}"
    if len(contestants) < 2:
        raise BackendError("two contestants are needed to compare", where=where)
    recipe = variant.recipe(study.recipe, study.seeds[0])
    subject, backends = (
        subject_of(recipe.model, recipe),
        tuple(get(each.backend) for each in contestants),
    )
    for backend in backends:
        require(backend, "train", where=where)
    certificate = Certificate(
        subject,
        backends,
        study.settings.certify_steps,
        dtypes_of(subject, recipe),
        study.settings.device,
        names=tuple(each.name for each in contestants),
        threads=study.settings.threads,
    )
    for stray in Path(folder).glob(f"{KEPT}*") if folder is not None else ():
        shutil.rmtree(stray, ignore_errors=True)  # of a study that was killed
    with TemporaryDirectory(prefix=KEPT, dir=folder) as kept:
        several = [
            job_of(study, variant, recipe, number, contestant, certificate, kept)
            for number, contestant in enumerate(contestants)
        ]
        answers = answers_to(several, executor, tell)
        for contestant in contestants:
            check_answer(answers[contestant.name], contestant, recipe, where)
        results = [answers[each.name]["result"] for each in contestants]
        certificate.versions = {
            each.name: result["version"]
            for each, result in zip(contestants, results, strict=True)
        }

        def tracer(index: int, run: Run) -> Traced:
            number = runs_of(certificate.dtypes, index).index(run)
            told = results[index]["runs"][number]
            file = Path(several[index].request["runs"][number]["file"])
            return Traced(read_tensors(file, told["keys"], where), told["programs"])

        complete(certificate, tracer, lambda text: None)
    data = certificate.to_data() | {
        "variant": variant.name,
        "optimize": variant.optimize,
        "contestants": {
            each.name: {
                "backend": each.backend,
                "python": result["python"],
                "polyframe": result["polyframe"],
            }
            for each, result in zip(contestants, results, strict=True)
        },
        "recipe": recipe_hash(recipe),
    }
    return data | {"hash": certificate_hash(data)}


def dtypes_of(subject: Subject, recipe: Recipe) -> tuple[str, ...]:
    """What a recipe is compared in: float64, and float32 unless it trains in float64."""
    return choose_dtypes(subject, ["float64"] if recipe.dtype == "float64" else [])


def job_of(
    study: Study,
    variant: Variant,
    recipe: Recipe,
    number: int,
    contestant: Contestant,
    certificate: Certificate,
    folder: str,
) -> Job:
    """The request to one contestant."""
    settings = study.settings
    runs = [
        {**run._asdict(), "file": str(Path(folder) / f"{number}-{index}.npz")}
        for index, run in enumerate(runs_of(certificate.dtypes, number))
    ]
    request = {
        "do": "trace",
        "recipe": recipe.to_data(),
        "backend": contestant.backend,
        "optimize": variant.optimize,
        "device": settings.device,
        "plugins": loaded_files(),
        "steps": certificate.steps,
        "runs": runs,
    }
    return Job(
        contestant.name,
        request,
        contestant.python,
        settings.threads,
        settings.device,
        settings.time_limit,
        alone=False,
    )


def answers_to(
    several: list[Job], executor: Executor, tell: Tell
) -> dict[str, Message]:
    """The answers by the names of the jobs."""
    answers: dict[str, Message] = {}

    def say(job: Job, message: Message) -> None:
        twin = ", from weights that are moved a little" if message.get("twin") else ""
        tell(f"{job.name}: {message.get('dtype')}, {message.get('steps')} steps{twin}")

    executor.run(several, lambda job, told: answers.update({job.name: told}), say)
    return answers


def check_answer(
    answer: Message, contestant: Contestant, recipe: Recipe, where: str
) -> None:
    """PolyframeError unless a contestant has run all, from the same spec."""
    where = f"{where}: {contestant.name}"
    if answer.get("status") != "done" or answer.get("result") is None:
        raise PolyframeError(f"failed: {answer.get('error')}", where=where)
    theirs = answer["result"].get("spec_hash")
    if theirs != recipe.model.hash:
        raise PolyframeError(
            f"reads another spec from the recipe: its hash is {brief(theirs)}, not "
            f"{recipe.model.hash!r}",
            where=where,
            hint="install the same version of polyframe in both Pythons",
        )


def read_tensors(file: Path, keys: Sequence[tuple[int, str, str]], where: str) -> Trace:
    """The tensors in a worker's file; nothing in it is executed."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {Key(*key): arrays[f"a{i}"] for i, key in enumerate(keys)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PolyframeError(
            f"the tensors of a contestant cannot be read: {brief(error)}",
            where=where,
            hint="all nodes have to see the study's folder",
        ) from None


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 of a recipe without its seed: a variant's seeds have one certificate."""
    data = {key: value for key, value in recipe.to_data().items() if key != "seed"}
    return hash_of(data)


def certificate_hash(data: Message) -> str:
    """SHA-256 of a certificate without its date and hash."""
    return hash_of({k: v for k, v in data.items() if k not in ("date", "hash")})


def hash_of(data: Mapping[str, object]) -> str:
    """SHA-256 of plain data as JSON with sorted keys."""
    text = json.dumps(finite(data), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

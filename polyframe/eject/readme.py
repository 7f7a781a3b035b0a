"""What stands beside a script: how to run it, and the packages that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata

from polyframe.contract.backend import Backend
from polyframe.eject.arrays import Prepared
from polyframe.eject.folder import code, table
from polyframe.spec.callbacks import CallbackSpec
from polyframe.spec.recipe import Recipe

FILES = {
    "train.py": "the script: data, model, training step, evaluation, checkpoints, loop",
    "weights.npz": "the initial weights, under the framework's names and in its layout",
    "data.npz": "the data: x and y of each part, channels first",
    "requirements.txt": "the packages that the script needs, in the versions seen here",
    "recipe.yaml": "the recipe, from which polyframe wrote all of it",
}
"""File → what it is."""
MADE = {
    "checkpoint.npz": "where the training is: start again, and it goes on from there; "
    "delete it to begin anew",
    "best.npz": "the weights of the best epoch, where the recipe asks for them",
    "trained.npz": "the weights at the end (`load_weights` takes them)",
}
"""File that the script writes → what it is."""


def requirements(backend: Backend) -> str:
    """The text of ``requirements.txt``: the versions that are installed here."""
    lines = []
    for name in (*backend.eject_packages, "numpy"):
        try:
            version = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            lines.append(name)
        else:
            lines.append(f"{name}=={version}")
    return "".join(f"{line}\n" for line in lines)


def readme(
    recipe: Recipe,
    backend: Backend,
    data: Prepared,
    others: Sequence[str],
    left_out: Sequence[CallbackSpec],
    optimize: bool,
) -> str:
    """The text of ``README.md``."""
    flag = "" if optimize else " --no-optimize"
    sections = [
        [f"# {recipe.name} on {backend.title}", "Written by `polyframe eject`."],
        [
            "## Run it",
            "```sh\npip install -r requirements.txt\npython train.py\n```",
            "Ctrl-C stops it after the step under way. Started again, it goes on from "
            "`checkpoint.npz` and ends on the same bits, also after a crash.",
            f"It prints the losses of `polyframe train recipe.yaml -b {backend.name}{flag} "
            "--device cpu` to the last bit: on the same machine, with the same versions "
            "and number of threads.",
        ],
        ["## Files", table(("file", "content"), rows(FILES, others))],
        ["The script writes:", table(("file", "content"), rows(MADE))],
        data_section(data),
    ]
    if optimize:
        sections.insert(
            2,
            [
                "Here this holds for training. What is evaluated (`val_…`, `test`) is the "
                "program that trains, where polyframe has a faster one; that differs in "
                "rounding."
            ],
        )
    if left_out:
        names = ", ".join(code(each.type) for each in left_out)
        sections.append(
            [
                "## Left out",
                f"These callbacks of the recipe only record, and change nothing: {names}. "
                "The script prints each epoch.",
            ]
        )
    return "\n\n".join("\n\n".join(section) for section in sections) + "\n"


def rows(files: Mapping[str, str], others: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Files and what they are, as rows of a table."""
    more = {name: "a file of the program" for name in others}
    return [(code(name), what) for name, what in {**files, **more}.items()]


def data_section(data: Prepared) -> list[str]:
    """The arrays of the data."""
    shown = [
        (code(name), str(array.shape), str(array.dtype))
        for name, array in data.arrays.items()
    ]
    texts = ["## Data", table(("array", "shape", "dtype"), shown)]
    if data.in_bytes:
        texts.append("Samples in bytes (`uint8`) mean numbers from 0 to 1: x / 255.")
    return texts

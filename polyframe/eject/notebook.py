"""An ejected script as an executed Jupyter notebook: its sections, explained, and what
they print.

The notebook is run in a folder of its own, by the Python that runs polyframe, before
anything is written: a run that fails leaves nothing behind.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from polyframe.errors import PolyframeError, one_line

if TYPE_CHECKING:
    from nbformat import NotebookNode

FILE = "train.ipynb"
SECONDS = 3600
"""How long a notebook may run."""
LONGEST = 500
"""The most characters of an error that are told."""
HERE = f"""\
# A script knows its own file, a notebook does not: its files lie where it runs.
__file__ = "{FILE}"
"""

DATA = (
    "Each epoch shows the samples in an order of its own. All random numbers come from "
    "NumPy, by a key (the seed, what they are for, which step), so that they are the same "
    "on every framework."
)
WORDS = {
    "Imports and settings": "What the script needs, and the numbers that it is about. "
    "Change one, delete `checkpoint.npz` if it is there, and run all cells again.",
    "The data, their order, random numbers": DATA,
    "The order of the data, and random numbers": DATA,
    "The model": "The network, as a user of the framework writes it. A comment says the "
    "shape of each value; N is the number of samples in a batch.",
    "The training step": "The loss of a batch, its gradients, and one update of the "
    "weights.",
    "From later epochs on": "From some epochs on more layers are trained, with functions "
    "of their own.",
    "Running the model": "The model with its initial weights, which are in `weights.npz`; "
    "one step of training; prediction.",
    "Losses, metrics, evaluation": "What the outputs are worth, computed in NumPy: the "
    "same formulas on every framework.",
    "Checkpoints": "All that training needs to go on where it was interrupted, in a file.",
    "The training": "The loop. In each epoch it takes a step on every batch, then says how "
    "it went.",
    "Run": "This trains. The losses are those of `python train.py`, and of polyframe.",
}
"""The title of a part of a script → what it is, in plain words."""


def executed(
    title: str,
    parts: Iterable[tuple[str, str]],
    files: Mapping[str, str | bytes],
    seconds: int = SECONDS,
) -> str:
    """The text of a notebook (``.ipynb``) that has run these parts, each a title and its
    text, one a cell, in a folder with those files.

    PolyframeError where a package of the extra ``notebook`` is missing, where a part
    fails (with its error), and after that many ``seconds``.
    """
    try:
        import nbclient
        import nbformat
    except ImportError as error:
        raise missing(error) from None
    made = written(title, parts)
    with TemporaryDirectory(prefix="polyframe-notebook-") as folder:
        Path(folder, "run").mkdir()
        for name, content in files.items():
            path = Path(folder, "run", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            path.write_bytes(data)
        try:
            execute(made, Path(folder), seconds)
        except nbclient.exceptions.CellTimeoutError:
            raise PolyframeError(
                f"was stopped after {seconds:,} seconds",
                where=FILE,
                hint="fewer epochs, or a longer --time-limit",
            ) from None
        except nbclient.exceptions.DeadKernelError:
            raise PolyframeError(
                "Python ended while it ran: the framework crashed, or memory ran out",
                where=FILE,
                hint="leave --notebook out, and run train.py to see more",
            ) from None
        except RuntimeError as error:  # of jupyter_client
            raise PolyframeError(
                f"Python did not start: {one_line(str(error))[:LONGEST]}", where=FILE
            ) from None
        except nbclient.exceptions.CellExecutionError as error:
            text = one_line(f"{error.ename}: {error.evalue}")[:LONGEST]
            raise PolyframeError(f"its run failed: {text}", where=FILE) from None
    return str(nbformat.writes(made)) + "\n"


def written(title: str, parts: Iterable[tuple[str, str]]) -> NotebookNode:
    """The notebook with its cells, not yet run."""
    from nbformat import v4

    cells = [
        v4.new_markdown_cell(f"# {plain(title)}\n\nEjected by polyframe: it needs the "
                             "framework and NumPy, and no polyframe."),
        v4.new_code_cell(HERE.rstrip()),
    ]  # fmt: skip
    for name, text in parts:
        heading = f"## {plain(name)}\n\n{WORDS.get(name, '')}".rstrip()
        cells += [v4.new_markdown_cell(heading), v4.new_code_cell(text.strip("\n"))]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # nbformat's own are random
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": language}
    )


def plain(text: str) -> str:
    """A name of the user's in Markdown: as it is, whatever it consists of."""
    return "".join(
        f"\\{c}" if c in r"\`*_{}[]<>()#+-.!|$" else c for c in one_line(text)
    )


def execute(made: NotebookNode, folder: Path, seconds: int) -> None:
    """Run all cells in ``folder/run``; outputs are put into the notebook."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    try:
        import ipykernel  # noqa: F401
    except ImportError as error:
        raise missing(error) from None
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]

    class ThisPython(KernelSpecManager):  # type: ignore[misc]
        """Knows one kernel: the Python that runs polyframe, whatever is installed."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    ends = time.monotonic() + seconds
    manager = AsyncKernelManager(kernel_spec_manager=ThisPython())
    if os.name == "posix":  # sockets in the folder, which nobody else can read
        manager.transport, manager.ip = "ipc", str(folder / "kernel")
    client = NotebookClient(
        made,
        km=manager,
        resources={"metadata": {"path": str(folder / "run")}},
        timeout_func=lambda cell: max(1, round(ends - time.monotonic())),
        record_timing=False,
        coalesce_streams=True,
    )
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    client.execute(env=environment, cleanup_kc=True)


def missing(error: ImportError) -> PolyframeError:
    """The error for a package that is not installed."""
    return PolyframeError(
        f"a notebook is made with nbformat, nbclient and ipykernel: {error}",
        where=FILE,
        hint='pip install "polyframe[notebook]"',
    )

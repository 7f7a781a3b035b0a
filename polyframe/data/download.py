"""Downloading one file into the cache: with progress, checked, and atomically."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO

from polyframe.data.files import CHUNK
from polyframe.errors import DataError

TIMEOUT_S = 30
MAX_BYTES = 1 << 30  # no data set here is larger; a server may send anything

Complaint = Callable[[Path], "str | None"]


def fetch(
    urls: Sequence[str], target: Path, complaint: Complaint, *, name: str, ways_out: str
) -> str:
    """Write the first good download to `target`; return its address.

    `complaint` says what is wrong with a file's content, or None. The bytes go to a
    temporary file next to the target, which is renamed only after they are checked: a
    broken connection, a full disk or Ctrl-C never leaves a partial file in the cache.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, text = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as err:
        raise DataError(
            f"the cache folder {target.parent} cannot be written: {err.strerror}",
            where=name,
            hint="set POLYFRAME_CACHE to a folder that can",
        ) from err
    os.close(handle)
    part, reasons = Path(text), []
    try:
        for url in urls:
            try:
                with part.open("wb") as file:
                    _download(url, file)
                reason = complaint(part)
            except (OSError, HTTPException, ValueError) as err:
                # URLError and timeouts are OSErrors; ValueError is a malformed address.
                reason = str(err).removeprefix("<urlopen error ").removesuffix(">")
                reason = reason or type(err).__name__
            if reason is None:
                # mkstemp's 0600 would shut others out of a shared cache.
                part.chmod(0o644)
                os.replace(part, target)
                return url
            reasons.append(f"{url}: {reason}")
    except OSError as err:
        message = f"{target} cannot be written: {err.strerror or err}"
        raise DataError(message, where=name, hint=ways_out) from err
    finally:
        part.unlink(missing_ok=True)
    raise DataError(
        f"{target.name} is not on this machine and could not be downloaded: "
        + "; ".join(reasons),
        where=name,
        hint=ways_out,
    )


def _download(url: str, file: IO[bytes]) -> None:
    # Imported here: it takes 50 ms, and most runs download nothing.
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "polyframe"})
    with urlopen(request, timeout=TIMEOUT_S) as answer:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        done = 0
        with _progress(url, total) as advance:
            while chunk := answer.read(CHUNK):
                done += len(chunk)
                if done > MAX_BYTES:
                    raise OSError(f"the server sends more than {MAX_BYTES:,} bytes")
                file.write(chunk)
                advance(len(chunk))
    if total is not None and done < total:
        raise OSError(f"the transfer stopped at {done:,} of {total:,} bytes")


@contextmanager
def _progress(url: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal; one plain line where stderr is a file or a pipe."""
    if not sys.stderr.isatty():
        size = "" if total is None else f" ({total / 1e6:.1f} MB)"
        print(f"downloading {url}{size}", file=sys.stderr, flush=True)
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True)
    ) as progress:
        task = progress.add_task(url.rsplit("/", 1)[-1], total=total)
        yield lambda count: progress.advance(task, count)

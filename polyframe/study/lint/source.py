"""A program as a syntax tree: read with bounds, never run or imported."""

from __future__ import annotations

import ast
import re
import stat
import warnings
from pathlib import Path

from polyframe.errors import PolyframeError, brief

LARGEST = 2**17
"""The most bytes that a program may have."""
SEGMENT = 50


def read(path: Path) -> str:
    """The text of a file; PolyframeError unless it is a small regular one in UTF-8."""
    where = str(path)
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise PolyframeError("is not a file", where=where)
        if about.st_size > LARGEST:
            raise PolyframeError(
                f"has {about.st_size:,} bytes; a program may have {LARGEST:,}",
                where=where,
            )
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolyframeError(
            f"is not in UTF-8: byte {error.start} is none of it",
            where=where,
            hint="save it in UTF-8",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise PolyframeError(f"cannot be read: {reason}", where=where) from None


def parse(text: str, where: str) -> ast.Module:
    """The syntax tree of a program; PolyframeError if it is none of Python's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in its texts
            return ast.parse(text)
    except SyntaxError as error:
        raise PolyframeError(
            f"is not a Python program: {brief(error.msg)}",
            where=f"{where}:{error.lineno or 1}",
            hint="give programs (.py) or recipes (.yaml)",
        ) from None
    except (RecursionError, MemoryError):
        raise PolyframeError("is nested too deeply", where=where) from None
    except ValueError as error:
        raise PolyframeError(
            f"is not a Python program: {brief(str(error))}", where=where
        ) from None


def lines_of(text: str) -> list[bytes]:
    """The lines as a syntax tree counts them, and their columns."""
    return [line.encode() for line in re.split(r"\r\n|\r|\n", text)]


def segment(lines: list[bytes], node: ast.AST) -> str:
    """The text of a node on one line, cut."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    if not first or not last:
        return ""
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", 0)
    if first == last:
        text = lines[first - 1][start:end].decode(errors="replace")
    else:
        text = lines[first - 1][start:].decode(errors="replace") + " …"
    text = " ".join(text.split())
    return text if len(text) <= SEGMENT else f"{text[: SEGMENT - 1]}…"

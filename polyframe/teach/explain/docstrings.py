"""Sentences: what docstrings say first, their formulas, their sources."""

from __future__ import annotations

import inspect
import re

FOREIGN = re.compile(r"``(torch(?:\.\w+)+|[A-Z][a-z]+[A-Z]\w*)``")
SPAN = re.compile(r"``([^`]+)``")
CITED = re.compile(r"\(([^()]*\b(?:19|20)\d\d\b[^()]*|[\w/]+\.(?:py|cc|cpp|h))\)")
NAMED = re.compile(
    r"[A-Z][\w'-]+(?: et al\.?|(?:, [A-Z][\w'-]+)* & [A-Z][\w'-]+)?,? (?:19|20)\d\d\b"
    r"(?:, (?:section|algorithm|equation|figure|eq\.|alg\.|fig\.) [\d.-]*\d)?"
)


def first_line(thing: object) -> str:
    """The first sentence of a docstring; formulas and years may hold dots."""
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    sentence = re.match(r".+?[.:](?= [A-Z(]|$)", paragraph)
    return sentence[0].removesuffix(":") if sentence else paragraph


def formulas(text: str) -> tuple[str, ...]:
    """The spans of code that compute something, in order."""
    spans = (" ".join(span.split()) for span in SPAN.findall(text))
    computing = (s for s in spans if re.search(r"[=·√Σ^/|]|\w\(| [+*-] ", s))
    return tuple(dict.fromkeys(computing))


def foreign_names(text: str) -> tuple[str, ...]:
    """What a docstring says that a framework calls the thing: ``torch.nn.init.dirac_``,
    ``StepLR``; a name of several words without a dot is a framework's class."""
    return tuple(dict.fromkeys(FOREIGN.findall(text)))


def references(text: str) -> tuple[str, ...]:
    """Papers and files that a docstring names as its sources."""
    text = " ".join(text.split())
    cited = [
        part.strip()
        for group in CITED.findall(text)
        for part in group.split(";")
        if CITED.fullmatch(f"({part})")
    ]
    named = [n for n in NAMED.findall(text) if not any(n in each for each in cited)]
    return tuple(dict.fromkeys([*cited, *named]))


def ended(text: str) -> str:
    """A sentence with its full stop."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."

"""The catalogue's pages and the table of support are what the code is now."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from support import BACKENDS

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("catalogue", ROOT / "docs/catalogue.py")
catalogue = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(catalogue)
STALE = "stale: run `make catalogue`"


@pytest.fixture(scope="module")
def support():
    return json.loads(catalogue.SUPPORT.read_text())


def test_results_are_those_of_the_layers_as_they_are(support):
    assert list(support["layers"]) == catalogue.words("layers"), STALE
    for word in catalogue.words("layers"):
        for backend in BACKENDS:
            kept = support["layers"][word][backend]
            assert kept["digest"] == catalogue.digest(word, backend), (word, STALE)
            assert kept["worst"], (word, backend)


def test_at_most_two_percent_of_the_option_values_are_gaps(support):
    assert support["gaps"] <= 0.02 * support["options"]


def test_every_page_is_current():
    kept = {
        str(path.relative_to(catalogue.PAGES)): path.read_text(encoding="utf-8")
        for path in catalogue.PAGES.rglob("*.md")
    }
    wanted = catalogue.pages()
    assert set(kept) == set(wanted), STALE
    assert [name for name in wanted if kept[name] != wanted[name]] == [], STALE

"""The catalogue's pages and the table of support are what the code is now."""

from __future__ import annotations

import json

import catalogue
import matrix
import pytest
from helpers.support import BACKENDS

DOCS = matrix.ROOT / "docs"
STALE = "stale: run `make catalogue`"


@pytest.fixture(scope="module")
def support():
    return json.loads(matrix.SUPPORT.read_text())


@pytest.mark.parametrize("family", matrix.FAMILIES)
def test_results_are_those_of_the_entries_as_they_are(family, support):
    words = matrix.words(matrix.FAMILIES[family])
    assert list(support[family]) == words, STALE
    for word in words:
        for backend in BACKENDS:
            kept = support[family][word][backend]
            assert kept["digest"] == matrix.digest(family, word, backend), (word, STALE)
            assert kept["worst"], (word, backend)


def test_at_most_two_percent_of_the_option_values_are_gaps(support):
    assert support["gaps"] <= 0.02 * support["options"]


def test_the_table_of_support_is_current():
    assert (DOCS / "support.md").read_text(encoding="utf-8") == matrix.page(), STALE


def test_every_page_is_current():
    kept = {
        str(path.relative_to(catalogue.PAGES)): path.read_text(encoding="utf-8")
        for path in catalogue.PAGES.rglob("*.md")
    }
    wanted = catalogue.pages()
    assert set(kept) == set(wanted), STALE
    assert [name for name in wanted if kept[name] != wanted[name]] == [], STALE

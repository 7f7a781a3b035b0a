"""The catalogue's pages and the table of support are what the code is now."""

from __future__ import annotations

import dataclasses
import json

import catalogue
import matrix
import pytest
from helpers.command_line import call
from helpers.support import BACKENDS

from polyframe.conformance.support import load_support, status
from polyframe.contract import registry
from polyframe.spec.safety import CallbackSpec
from polyframe.teach.explain import facts
from polyframe.teach.explain.fields import documented, meaning
from polyframe.teach.explain.meanings import MEANINGS, SPECIAL
from polyframe.teach.explain.native_forms import written

DOCS = matrix.ROOT / "docs"
STALE = "stale: run `make catalogue`"
UNMEASURED = f"{STALE} (without --no-tests, for the tests have to measure it)"
FAMILIES = pytest.mark.parametrize("family", matrix.FAMILIES)


@FAMILIES
def test_results_are_those_of_the_entries_as_they_are(family):
    support, base = load_support(), matrix.FAMILIES[family]
    assert list(support[family]) == matrix.words(base), STALE
    for word, row in support[family].items():
        for backend in BACKENDS:
            now, kept = matrix.known(base.registry[word], backend), row[backend]
            for what in ("forms", "gaps", "reason"):
                assert kept[what] == now[what], (word, backend, what, STALE)
            digest = matrix.digest(base.registry[word], backend)
            assert kept["digest"] == digest, (word, backend, UNMEASURED)
            assert kept["worst"], (word, backend)


def test_at_most_two_percent_of_the_option_values_are_gaps():
    data = json.loads(matrix.SUPPORT.read_text())
    families = data["families"].values()
    rows = [
        own for family in families for row in family.values() for own in row.values()
    ]
    assert data["gaps"] == sum(len(own["gaps"]) for own in rows)
    assert data["options"] > 1000
    assert data["gaps"] <= 0.02 * data["options"]


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


def test_what_explanations_know_of_the_backends_is_current():
    kept = facts.FILE.read_text(encoding="utf-8")
    assert kept == catalogue.facts_text(), STALE


def cells(line):
    """The cells of a row of a table in Markdown."""
    return [cell.strip() for cell in line.strip("|").split(" | ")]


@FAMILIES
def test_list_and_the_table_of_support_say_the_same(family):
    """For every name and backend; ``polyframe list`` shows more backends, if there are
    any, and more names, of plug-ins."""
    text = (DOCS / "support.md").read_text(encoding="utf-8")
    section = text.partition(f"## {family.capitalize()}\n")[2].partition("\n## ")[0]
    heads, _, *rows = [cells(line) for line in section.splitlines() if "|" in line]
    titles = [registry.get(name).title for name in BACKENDS]
    assert heads == ["name", *titles]
    table = {row[0][1:].partition("]")[0]: row[1:] for row in rows}
    assert list(table) == matrix.words(matrix.FAMILIES[family])

    lines = call("list", family).stdout.splitlines()
    starts = {name: lines[0].index(f" {name}") + 1 for name in BACKENDS}
    shown = {line.split()[0]: line for line in lines[1:]}
    for word, row in table.items():
        for name, cell in zip(BACKENDS, row, strict=True):
            listed = shown[word][starts[name] :].partition("  ")[0].strip()
            assert listed == cell.partition(";")[0], (word, name)
            assert listed == status(load_support()[family][word][name])


@FAMILIES
def test_a_page_shows_every_form_of_every_entry(family):
    for word in matrix.words(matrix.FAMILIES[family]):
        cls = matrix.FAMILIES[family].registry[word]
        for name in BACKENDS:
            forms = {form.name for form in registry.get(name).entries[word].forms}
            assert {text.form for text in written(cls, name)} == forms, (word, name)


def test_every_gap_stands_on_its_page_and_in_the_table():
    table, count = (DOCS / "support.md").read_text(encoding="utf-8"), 0
    for name in BACKENDS:
        for word, reason in registry.get(name).reasons.items():
            (page,) = catalogue.PAGES.glob(f"*/{word}.md")
            assert reason in page.read_text(encoding="utf-8")
            assert reason in table
            count += 1
    assert count


def test_every_field_has_a_meaning():
    used = set()
    families = {**catalogue.FAMILIES, "callbacks": CallbackSpec}
    for family, base in families.items():
        for word in matrix.words(base):
            cls = base.registry[word]
            for f in dataclasses.fields(cls):
                if "kind" in f.metadata:
                    assert meaning(cls, f.name), (family, word, f.name)
                    said = documented(cls).get(f.name, "UNSET")
                    if said.startswith("UNSET"):
                        used |= {(word, f.name), f.name}
    assert set(SPECIAL) | set(MEANINGS) <= used  # no leftovers

"""The glossary: one source of the words, whose links lead somewhere."""

from __future__ import annotations

import re

import pytest
from helpers.pages import PAGES

from polyframe.errors import SpecError
from polyframe.teach.explain.topics import Topic, topics
from polyframe.teach.glossary import glossary, load, without_links, words_table


def test_the_table_of_words_is_the_glossary():
    page = PAGES["docs/architecture.md"]
    assert page.partition("## Words\n\n")[2] == words_table()


def test_links_lead_to_topics():
    known = topics()
    for term in glossary():
        for link in term.topics:
            assert Topic(*link.split("/", 1)) in known, (term.term, link)


def test_terms_are_short_and_plain():
    learning = [term for term in glossary() if term.part == "learning"]
    assert len(learning) > 50
    for term in learning:
        sentences = re.split(r"(?<=[.:])\s+(?=[A-Z\"])", term.meaning)
        assert len(sentences) <= 5, term.term
        assert term.meaning.endswith(".") and len(term.meaning) < 330, term.term
        assert term.topics, term.term


def test_links_of_markdown_become_pages():
    text = "see [Native semantics](native.md) and [this](https://x.org)"
    assert without_links(text) == (
        "see Native semantics (docs/native.md) and [this](https://x.org)"
    )


GOOD = "{term: a, meaning: b, topics: []}"
BAD = {
    "[]": "needs the keys polyframe and learning",
    f"polyframe: [{GOOD}]": "needs the keys polyframe and learning",
    f"polyframe: [{GOOD}]\nlearning: [{GOOD}]": "'a' is there twice",
    f"polyframe: [{GOOD}]\nlearning: 3": "learning: is not a list of terms",
    f"polyframe: [{GOOD}]\nlearning: [x]": "has a term without the keys meaning, term,",
    "polyframe: [{term: 1, meaning: b, topics: []}]\nlearning: []": "that is no text",
    "polyframe: [{term: a, meaning: b, topics: [1]}]\nlearning: []": "a: topics is not",
}


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_file_is_refused(text, tmp_path):
    path = tmp_path / "glossary.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=re.escape(BAD[text])) as error:
        load(path)
    assert str(error.value).startswith("glossary.yaml")

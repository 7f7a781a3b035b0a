"""Cards: how objects show themselves, whatever their names consist of."""

from __future__ import annotations

import math
import re
import sys
from html.parser import HTMLParser

from polyframe.io.cards import HTML, TEXT, Card, Displayed, Meter, Row, Table
from polyframe.io.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Curves

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
VOID = {"col", "br"}


class Read(HTMLParser):
    """A fragment read as a browser would: its tags, its text, and whether all that was
    opened was closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.opened, self.wrong = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.opened or self.opened.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.words.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


def whole(html):
    """A fragment that is well formed, and asks for nothing from anywhere."""
    page = Read(html)
    assert page.wrong == [] and page.opened == []
    assert not {"script", "img", "link", "iframe", "object"} & {t for t, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "href"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in html and "@import" not in html and "http" not in html
    return page


FULL = Card(
    HOSTILE,
    (HOSTILE, False),
    {HOSTILE: HOSTILE},
    [HOSTILE],
    Table((HOSTILE, "n"), (Row((HOSTILE, "1"), (Row((HOSTILE, "2")),)),)),
    [Curves(HOSTILE, {HOSTILE: [1.0, 2.0]}, [1, 2])],
    Meter(1, 2, HOSTILE),
    {HOSTILE: HOSTILE, HOSTILE + "2": Card(HOSTILE)},
)


def test_whatever_is_shown_is_escaped_everywhere():
    html = FULL.html()
    page = whole(html)
    # Title, verdict, fact (2), sentence, head, rows (2), curve's title and line and again
    # both in its label, meter, folded titles (2), folded text, folded card.
    assert html.count("&lt;script&gt;") == 17
    assert "<script" not in html
    assert sum("<script>" in words for words in page.words) >= 13


def test_rows_inside_others_are_folded_and_columns_of_numbers_are_to_the_right():
    inner = Row(("layer1", "Block", "12"), (Row(("layer1.conv", "Conv2D", "12")),))
    table = Table(
        ("Layer", "Type", "Parameters"),
        (Row(("conv", "Conv2D", "1,000")), Row(("body", "Block", "12"), (inner,))),
    )
    html = Card("x", table=table).html()
    page = whole(html)
    assert page.count("details") == 2 and page.count("table") == 3
    assert '<td class="pf-n">1,000</td>' in html and "<td>Conv2D</td>" in html
    assert Card("x", table=table).text().splitlines() == [
        "x",
        "",
        "Layer            Type    Parameters",
        "conv             Conv2D       1,000",
        "body             Block           12",
        "  layer1         Block           12",
        "    layer1.conv  Conv2D          12",
    ]
    flat = Card("x", table=Table(("a",), (Row(("1",)),)))
    assert "details" not in {tag for tag, _ in whole(flat.html()).tags}


def test_plain_text_says_what_the_page_says():
    card = Card(
        "net", ("equal", True), {"Loss": "mse", "Device": "cpu"}, ["One sentence."],
        meter=Meter(1, None, "epoch 1"), folded={"More": "hidden"},
    )  # fmt: skip
    assert card.text().splitlines() == [
        "net: equal",
        "Loss:   mse",
        "Device: cpu",
        "One sentence.",
        "epoch 1",
    ]
    html = card.html()
    assert '<span class="pf-good">equal</span>' in html
    assert "<progress aria-label" in html  # without a value: nobody knows how much
    assert "<pre>hidden</pre>" in html
    assert 'class="pf-word"' in Card("x", ("so", None)).html()


def test_text_commands_no_terminal():
    card = Card("\x1b[31mred", facts={"a\nb": "\u202eback"}, sentences=["\x07"])
    table = Table(("h\x00",), (Row(("\x1b]0;",)),))
    text = Card(**{**vars(card), "table": table}).text()
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b[31mred" in text


# --- objects ----------------------------------------------------------------------------


class Thing(Displayed):
    def _card(self):
        return Card("a thing")


def test_ipython_shows_both_forms_of_an_object():
    from IPython.core.formatters import DisplayFormatter

    forms, _ = DisplayFormatter().format(Thing())
    assert set(forms) == {TEXT, HTML}
    assert forms[TEXT] == "a thing" and "a thing" in forms[HTML]


def test_a_front_end_may_ask_for_one_form():
    thing = Thing()
    assert set(thing._repr_mimebundle_(include={TEXT})) == {TEXT}
    assert set(thing._repr_mimebundle_(exclude={TEXT})) == {HTML}


def test_without_jinja2_there_is_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert Thing()._repr_html_() is None
    assert Thing()._repr_mimebundle_() == {TEXT: "a thing"}


# --- curves -----------------------------------------------------------------------------


def points(path):
    return [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_a_curve_goes_from_corner_to_corner():
    curves = Curves("loss", {"loss": [2.0, 1.0, 0.0], "val_loss": [1.0]}, [1, 2, 3])
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    middle = (LEFT + right) / 2, (TOP + bottom) / 2
    assert points(curves.paths["loss"]) == [(LEFT, TOP), middle, (right, bottom)]
    assert points(curves.paths["val_loss"]) == [(LEFT, middle[1])]
    assert [text for _, text in curves.ticks] == ["0", "2"]


def test_what_is_no_number_leaves_a_gap():
    values = [1.0, math.nan, 3.0, math.inf, -math.inf, 2.0]
    path = Curves("loss", {"loss": values}, range(6)).paths["loss"]
    assert path.count("M") == 3 and "L" not in path
    assert path.count("h0") == 3  # each alone, as a dot
    nothing = Curves("loss", {"loss": [math.nan]}, [1])
    assert nothing.paths == {"loss": ""} and nothing.ticks
    whole(Card("x", curves=[nothing, Curves("none", {}, [])]).html())


def test_equal_values_lie_in_the_middle():
    curves = Curves("lr", {"lr": [0.5, 0.5]}, [1, 2])
    (tick,) = curves.ticks
    assert tick == ((TOP + HEIGHT - BOTTOM) / 2, "0.5")

"""The report of a study: its files are valid, and harmless whatever a study is called."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import jsonschema
import pytest
from helpers import studies
from helpers.elements import Elements

from polyframe.errors import PolyframeError
from polyframe.study.plan import Variant
from polyframe.study.report.charts import charts
from polyframe.study.report.markdown import text
from polyframe.study.report.results import SCHEMA_FILE, safe
from polyframe.study.report.source import collect
from polyframe.study.report.write import write

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "=cmd|'/C calc'!A0",
    "\x1b[31mred\x1b[0m\r\n</script>{{ 7*7 }} [x](javascript:alert(3)) | `a` \u202e",
)


def shown_of(folder):
    return collect(folder, studies.by_hand)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A study whose contestants, variants, errors and programs have hostile names."""
    path = tmp_path_factory.mktemp("hostile") / "study"
    variants = [studies.ALIGNED, Variant(HOSTILE[0]), Variant(HOSTILE[2])]
    study = studies.plan(HOSTILE, variants, seeds=2)
    folder = studies.simulated(path, study, failed=(1,), epochs=2)
    (failed,) = (r for r in folder.records() if not r.done)
    cell = next(c for c in study.cells() if c.key == failed.key)
    folder.write(replace(failed, error=f"+{HOSTILE[0]}\x1b[2J"), cell)
    under = path / "programs" / cell.path.parts[1] / cell.path.parts[2]
    under.mkdir(parents=True)
    (under / "a<b>.py").write_text(f"x = 1  # {HOSTILE[0]}\n\x1b[31m</pre>\n")
    shown = shown_of(folder)
    bad = HOSTILE[0] + HOSTILE[2]
    analysis = replace(
        shown.analysis, summary=(bad,), warnings=(bad,), notes=(bad,), stamp_reason=bad
    )
    return replace(shown, analysis=analysis)


@pytest.fixture(scope="module")
def made(hostile, tmp_path_factory):
    """The folder of its report."""
    out = tmp_path_factory.mktemp("report")
    files = write([hostile], out)
    assert all(file.is_file() for file in files)
    return out


def test_the_files(made):
    names = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    pictures = {n for n in names if n.startswith("figures/")}
    assert names - pictures == {
        "report.html", "report.md", "results.csv", "results.json", "results.schema.json",
    }  # fmt: skip
    kinds = ("seeds", "step-times", "phases", "start", "memory", "divergence", "speed")
    for kind in kinds:
        assert {
            f"figures/digits_cnn-{kind}.{end}" for end in ("svg", "png")
        } <= pictures
    for name in pictures:
        data = (made / name).read_bytes()
        if name.endswith(".png"):
            assert data.startswith(b"\x89PNG")
        else:
            tags = {
                element.tag.rpartition("}")[2] for element in ET.fromstring(data).iter()
            }
            assert "path" in tags and not tags & {
                "script",
                "image",
                "foreignObject",
                "a",
            }


def test_the_json_follows_its_schema(made):
    schema = json.loads((made / "results.schema.json").read_text())
    assert schema == json.loads(SCHEMA_FILE.read_text())
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    data = json.loads((made / "results.json").read_text())
    checker.validate(data)
    (study,) = data["studies"]
    assert study["cells"] == {
        "planned": 18, "done": 17, "failed": 1, "timeout": 0, "not_run": 0,
    }  # fmt: skip
    assert [c["name"] for c in study["contestants"]] == list(HOSTILE)
    for wrong in ({"schema": 2}, {"studies": [{**study, "stamp": "FINE"}]}):
        with pytest.raises(jsonschema.ValidationError):
            checker.validate({**data, **wrong})


def test_the_csv_has_every_measurement(hostile, made):
    table = list(csv.DictReader(io.StringIO((made / "results.csv").read_text())))
    assert list(table[0]) == [
        "study", "contestant", "variant", "seed", "epoch", "measure", "value", "unit",
    ]  # fmt: skip
    read = {
        (r["contestant"], r["variant"], r["seed"], r["epoch"], r["measure"]): float(
            r["value"]
        )
        for r in table
    }
    assert len(read) == len(table)
    for cell in hostile.done:
        record = cell.record
        key = safe(record.contestant), safe(record.variant), str(record.seed)
        for row in record.epochs:
            for name in ("loss", "test_accuracy", "seconds"):
                assert read[(*key, f"{row['epoch']:.0f}", name)] == row[name]
        assert read[(*key, "", "accuracy")] == 100 * record.test["accuracy"]
        assert read[(*key, "", "peak_mib")] == record.resources["peak_mib"]
        assert read[(*key, "", "step_ms_p50")] == cell.step_ms[2]


def test_no_text_in_the_csv_is_a_formula(made):
    rows_of = list(csv.reader(io.StringIO((made / "results.csv").read_text())))
    texts = {
        value for row in rows_of for i, value in enumerate(row) if i not in (3, 4, 6)
    }
    assert not any(
        value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in texts
    )
    assert "'=cmd|'/C calc'!A0" in texts
    assert safe(" =1") == "' =1" and safe("\t=1") == "\\t=1"
    assert safe("torch") == "torch"


def test_no_name_gets_out_of_the_page(hostile, made):
    html = (made / "report.html").read_text(encoding="utf-8")
    seen = Elements(html)
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("script") == 3 and "img" not in tags and "iframe" not in tags
    for _, attributes in seen.tags:
        assert not [
            name for name in attributes if name.startswith("on") or name == "src"
        ]
        address = attributes.get("href", "#")
        assert address.startswith(("#", "data:,", "data:text/csv;base64,"))
    assert HOSTILE[0] in seen.text  # as it is, and harmless
    assert "{{ 7*7 }}" in seen.text  # no template either
    (embedded,) = re.findall(
        r'<script type="application/json" id="specs">(.*?)</script>', html
    )
    assert not set("<>&") & set(embedded)
    assert len(json.loads(embedded)) == len(charts(hostile))


def test_the_page_asks_the_network_for_nothing(made):
    html = (made / "report.html").read_text(encoding="utf-8")
    (policy,) = (
        attributes["content"]
        for tag, attributes in Elements(html).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert html.count("window.vegaEmbed=") == 1
    assert 700 < len(html.encode()) / 1024 < 1400
    ours = html.replace(
        max(re.findall(r"<script>.*?</script>", html, re.S), key=len), ""
    )
    addresses = set(re.findall(r"https?://[^\s\"'<]+", ours))
    assert len(addresses) == 1  # the name of the charts' format, which nothing loads
    assert addresses.pop().startswith("https://vega.github.io/schema/vega-lite/")


def test_no_control_character_is_in_any_text(made):
    for path in made.rglob("*"):
        if path.suffix in (".html", ".md", ".csv", ".json", ".svg"):
            raw = path.read_text(encoding="utf-8")
            if path.suffix == ".html":  # but for those of the Vega library
                raw = re.sub(r"<script>.*?</script>", "", raw, flags=re.S)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", raw), path.name


def test_the_markdown_has_no_markup_of_strangers(hostile, made):
    page_text = (made / "report.md").read_text(encoding="utf-8")
    assert "<script" not in page_text and "<img" not in page_text
    assert not re.search(r"(?<!\\)\]\(javascript", page_text)
    assert text("a|b `c` [d](e) <f> http://g") == (
        r"a\|b \`c\` \[d\](e) &lt;f&gt; http\://g"
    )
    tables_of = [line for line in page_text.splitlines() if line.startswith("| ")]
    for line in tables_of:
        assert re.search(r"(?<!\\)\|$", line), line
    links = re.findall(r"\]\((figures/[^)]+)\)", page_text)
    assert len(links) == len(charts(hostile))
    assert all((made / link).is_file() for link in links)


def test_each_chart_has_its_data(hostile, made):
    html = (made / "report.html").read_text(encoding="utf-8")
    links = {
        attributes["download"]: attributes["href"]
        for tag, attributes in Elements(html).tags
        if "download" in attributes
    }
    for chart in charts(hostile):
        link = links[f"{hostile.key}-{chart.key}.csv"]
        data = base64.b64decode(link.partition(",")[2]).decode()
        table = list(csv.DictReader(io.StringIO(data)))
        assert len(table) == len(chart.rows) == len(chart.spec["datasets"]["table"])
        assert not any(
            str(v).startswith(("=", "@")) for row in table for v in row.values()
        )


def test_what_cannot_be_written_has_a_way_out(hostile, tmp_path):
    (tmp_path / "figures").symlink_to(tmp_path)
    with pytest.raises(PolyframeError, match="a report writes into no folder but its"):
        write([hostile], tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(PolyframeError, match="STUDY -o DIR writes it elsewhere"):
        write([hostile], tmp_path / "file")
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "file"}

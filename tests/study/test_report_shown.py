"""What a report shows of a study: whole, large, odd, or empty."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from helpers import studies
from helpers.command_line import call, fails
from helpers.elements import Elements

from polyframe.io.shown import number
from polyframe.study.estimates import EQUIVALENT, HIGHER, Analysis, Estimate
from polyframe.study.folder import StudyFolder
from polyframe.study.plan import Variant
from polyframe.study.report import rows
from polyframe.study.report.charts import charts
from polyframe.study.report.markdown import markdown
from polyframe.study.report.page import page
from polyframe.study.report.results import SCHEMA_FILE, results, to_csv
from polyframe.study.report.source import collect
from polyframe.study.report.tables import across, comparisons, tables
from polyframe.study.report.write import distinct, pictures


def shown_of(folder):
    return collect(folder, studies.by_hand)


def test_only_a_difference_that_is_there_is_in_bold(tmp_path):
    folder = studies.simulated(tmp_path)
    shown = shown_of(folder)
    several = shown.analysis.comparisons
    made = comparisons(shown)
    differs = {
        i for i, each in enumerate(several) if each.verdict in ("higher", "lower")
    }
    assert differs and len(differs) < len(several)
    assert {i for i, _ in made.strong} == differs
    assert {made.rows[i][j].split()[0] for i, j in made.strong} <= {"higher", "lower"}
    first = replace(several[0], verdict=EQUIVALENT, margin=0.5, p_equivalence=0.01)
    shown = replace(shown, analysis=replace(shown.analysis, comparisons=(first,)))
    html = page([shown], {shown.key: []})
    assert "<strong>" not in html
    assert "<td>equivalent</td>" in html
    assert "<td>within 0.5 points: p = 0.01</td>" in html
    first = replace(first, verdict=HIGHER, margin=None)
    shown = replace(shown, analysis=replace(shown.analysis, comparisons=(first,)))
    assert "<strong>higher (better)</strong>" in page([shown], {shown.key: []})
    assert "| **higher (better)** |" in markdown([shown], {shown.key: []})


def both(folder, analyse=studies.by_hand):
    """The page (without its scripts) and the Markdown of a study."""
    shown = collect(folder, analyse)
    made = {shown.key: charts(shown)}
    jsonschema.validate(
        json.loads(json.dumps(results([shown]))), json.loads(SCHEMA_FILE.read_text())
    )
    seen = Elements(page([shown], made)).text
    return re.sub(r"\s+", " ", seen), markdown([shown], made), made[shown.key]


def test_a_study_in_which_nothing_has_ended(tmp_path):
    folder = studies.simulated(tmp_path, studies.plan(seeds=1), certified=False)
    for path in tmp_path.glob("cells/*/*/*.json"):
        path.unlink()
    seen, marked, made = both(folder, lambda *_: Analysis())
    for page_text in (seen, marked):
        assert "UNVERIFIED" in page_text
        assert "No training has ended yet." in page_text
    assert "No certificate was taken" in seen
    assert made == []


def test_a_long_summary_is_all_there(tmp_path):
    folder = studies.simulated(tmp_path, studies.plan(seeds=1))
    sentences = tuple(f"Sentence {i}." for i in range(10))
    seen, marked, _ = both(folder, lambda *_: Analysis(summary=sentences))
    assert all(each in seen and each in marked for each in sentences)
    assert "2 more sentences" in seen


def test_one_seed_and_failed_cells(tmp_path):
    study = studies.plan(seeds=1)
    folder = studies.simulated(tmp_path, study, failed=(1,))
    damaged = next(tmp_path.glob("cells/mxnet/*/*.json"))
    damaged.write_text(damaged.read_text()[:100])
    seen, marked, made = both(folder)
    for page_text in (seen, marked):
        assert "RuntimeError: out of memory" in page_text
        assert "the cell counts as not run" in page_text
        assert "one seed: no interval" in page_text
    (seeds,) = (chart for chart in made if chart.key == "seeds")
    assert "there is none with one seed" in seeds.text
    fields = [each["encoding"]["x"]["field"] for each in seeds.spec["layer"]]
    assert fields == ["value", "mean"]  # Vega warns of a scale without numbers


def test_an_ablation_stands_against_its_sum(tmp_path):
    folder = studies.simulated(
        tmp_path, studies.plan(variants=studies.ABLATED, seeds=3)
    )
    shown = shown_of(folder)
    made, note = rows.effects(shown)
    assert note == "" and len(made) == 3 * (len(studies.ASPECTS) + 3)
    kinds = [row["kind"] for row in made]  # each default, then the sums
    assert kinds == sorted(kinds, key=lambda kind: kind != "one default")
    assert set(kinds) == {"one default", "all defaults"}
    mine = {row["aspect"]: row["mean"] for row in made if row["contestant"] == "torch"}
    assert mine["all at once"] == pytest.approx(
        mine["sum of these"] + mine["all at once, less the sum"]
    )
    (table,) = (t for t in tables(shown) if t.key == "ablation")
    assert any("no effect: the recipe has none" in row for row in table.rows)
    major = [c.key for c in charts(shown) if not c.minor and c.part == "outcome"]
    assert major[:4] == [
        "epochs-aligned",
        "time-aligned",
        "epochs-native",
        "time-native",
    ]


def test_curves_have_a_band_and_are_thinned_out_with_a_note(tmp_path):
    study = studies.plan(studies.NAMES[:1], seeds=2)
    shown = shown_of(studies.simulated(tmp_path, study, epochs=100))
    made, note = rows.curve(shown, "aligned")
    assert note.startswith(f"Of 101 epochs, {rows.MOST_EPOCHS} are shown")
    assert len(made) == rows.MOST_EPOCHS
    assert (made[0]["epoch"], made[-1]["epoch"]) == (0, 100)
    values = [100 * c.record.epochs[100]["test_accuracy"] for c in shown.done]
    assert made[-1]["lowest"] == min(values) and made[-1]["highest"] == max(values)
    assert made[-1]["mean"] == pytest.approx(sum(values) / 2)


@pytest.mark.parametrize("epochs", [1, 2, 12])
def test_the_axis_of_epochs_has_whole_numbers(tmp_path, epochs):
    folder = studies.simulated(tmp_path, studies.plan(seeds=2), epochs=epochs)
    chart = next(c for c in charts(shown_of(folder)) if c.key.startswith("epochs"))
    svg = pictures(chart)[0]
    axis = svg.partition('aria-label="X-axis')[2].partition('aria-label="Y-axis')[0]
    ticks = [int(text) for text in re.findall(r">(\d+)</text>", axis)]
    assert ticks == sorted(set(ticks)) and ticks[-1] == epochs


def test_too_many_dots_are_summed_up_with_a_note(tmp_path, monkeypatch):
    shown = shown_of(studies.simulated(tmp_path))
    singles, means, note = rows.dots(shown, "accuracy")
    assert (len(singles), len(means), note) == (15, 3, "")
    monkeypatch.setattr(rows, "MOST_DOTS", 14)
    monkeypatch.setattr(rows, "MOST_GROUPS", 2)
    assert rows.dots(shown, "accuracy")[2].startswith(
        "The first 2 groups are shown; 1 more"
    )
    monkeypatch.setattr(rows, "MOST_GROUPS", 3)
    singles, means, note = rows.dots(shown, "accuracy")
    assert singles == [] and len(means) == 3
    assert "The 15 single seeds are too many to draw" in note


def test_weights_are_compared_with_the_run_in_float64(tmp_path):
    exact = Variant("exact", {"dtype": "float64"})
    folder = studies.simulated(
        tmp_path, studies.plan(variants=(studies.ALIGNED, exact))
    )
    study = folder.study()
    apart = {row["run"] for row in rows.divergence(shown_of(folder))[0]}
    assert "mxnet · aligned against torch" in apart
    for record in folder.records():
        if record.variant == "exact":
            cell = next(c for c in study.cells() if c.key == record.key)
            facts = {**record.facts, "dtype": "float64"}
            sample = tuple((step, (1.0, -2.0)) for step, _ in record.divergence)
            folder.write(replace(record, facts=facts, divergence=sample), cell)
    for record in folder.records():
        if record.variant == "aligned":
            cell = next(c for c in study.cells() if c.key == record.key)
            sample = tuple((step, (1.0, -2.0 + 1e-6)) for step, _ in record.divergence)
            folder.write(replace(record, divergence=sample), cell)
    made, note = rows.divergence(shown_of(folder))
    exactly = [r for r in made if r["run"].endswith("aligned against its float64 run")]
    assert len(exactly) == 3 * 6
    assert all(r["distance"] == pytest.approx(5e-7) for r in exactly)
    assert "12 distances are exactly 0" in note  # of the exact runs from each other


def test_programs_stand_side_by_side_and_stay_in_their_folder(tmp_path):
    path = tmp_path / "study"
    folder = studies.simulated(
        path, studies.plan(variants=studies.ABLATED[:2], seeds=1)
    )
    (tmp_path / "secret.py").write_text("secret")
    for name in studies.NAMES:
        for variant in ("aligned", "initializer"):
            under = path / "programs" / name / variant
            under.mkdir(parents=True)
            (under / "program.py").write_text(f"import {name}\n")
    (under / "link.py").symlink_to(tmp_path / "secret.py")
    os.replace(path / "programs" / "torch", tmp_path / "elsewhere")
    (path / "programs" / "torch").symlink_to(tmp_path / "elsewhere")
    shown = shown_of(folder)
    assert [(p.contestant, p.variant, p.text) for p in shown.programs] == [
        ("tensorflow", "aligned", "import tensorflow"),
        ("mxnet", "aligned", "import mxnet"),
    ]
    seen, _, _ = both(folder)
    assert "import mxnet" in seen and "secret" not in seen


def test_several_studies_are_one_page(tmp_path):
    several = [
        shown_of(studies.simulated(tmp_path / name, studies.plan(seeds=2)))
        for name in ("one", "two")
    ]
    shown = distinct(several)
    assert [s.key for s in shown] == ["digits_cnn", "digits_cnn-2"]
    assert [s.title for s in shown] == ["digits_cnn (one)", "digits_cnn (two)"]
    table = across(shown)
    assert len(table.rows) == 6 and table.rows[0][0] == "digits_cnn (one)"
    made = {s.key: charts(s) for s in shown}
    html = page(shown, made)
    assert html.count("window.vegaEmbed=") == 1
    identifiers = [a["id"] for _, a in Elements(html).tags if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    targets = {
        a["href"][1:] for _, a in Elements(html).tags if a.get("href", "")[:1] == "#"
    }
    assert targets <= set(identifiers)
    assert "# Report across 2 studies" in markdown(shown, made)
    assert {row.partition(",")[0] for row in to_csv(shown).splitlines()[1:]} == {
        "digits_cnn (one)", "digits_cnn (two)",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "signed", "shown"),
    [
        (0.4249, "points", True, "+0.42"), (-0.001, "points", False, "0.00"),
        (None, "", False, "–"), (float("nan"), "", False, "–"), (0.06, "", False, "0.06"),
        (float("inf"), "", True, "∞"),
        (12345.6, "", False, "12,346"), (1200.0, "", False, "1,200"),
        (300_188.0, "×", False, ">1,000"), (2e-194, "×", False, "<0.001"),
        (float("inf"), "×", False, ">1,000"), (0.98, "×", False, "0.98"),
        (1e-9, "", False, "1.00e-09"), (0.0, "s", True, "+0"), (1.0816, "", False, "1.082"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(value, unit, signed, shown):
    assert number(value, unit, signed) == shown


def test_an_interval_of_nan_is_null(tmp_path):
    folder = studies.simulated(tmp_path, studies.plan(seeds=1))
    analysis = shown_of(folder).analysis
    nan = Estimate(float("nan"), None, None, 0, "nothing to average")
    groups = (replace(analysis.groups[0], mean=nan, values=()), *analysis.groups[1:])
    seen, _, _ = both(folder, lambda *_: replace(analysis, groups=groups))
    assert "nothing to average" in seen


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    studies.simulated(tmp_path / "one", studies.plan(seeds=2))
    lines = call("report", "one").stdout.splitlines()
    assert lines[0] == "one/report.html" and lines[-1].startswith("one/figures (")
    assert (tmp_path / "one" / "report.html").is_file()
    data = json.loads(call("report", "one", "--json").stdout)
    assert data == json.loads((tmp_path / "one" / "results.json").read_text())
    StudyFolder(tmp_path / "one").check(studies.plan(seeds=2))  # it can go on
    assert "needs a folder: -o DIR" in fails("report", "one", "one")


def test_an_export_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    studies.simulated(tmp_path / "one", studies.plan(seeds=2))
    assert (
        "logs"
        in call("report", "one", "--export", "tensorboard", "--to", "logs").stdout
    )
    assert list((tmp_path / "logs").rglob("*tfevents*"))
    assert "one study at a time" in fails("report", "one", "one", "--export", "mlflow")
    assert "name the tool" in fails("report", "one", "--to", "logs")


def test_what_is_no_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    message = fails("report", "empty", "-o", "out")
    assert message == "error: empty/study.json: is not a study's folder: no such file\n"
    (tmp_path / "empty" / "study.json").write_text("[]")
    assert "empty/study.json: is damaged" in fails("report", "empty")
    plan = studies.plan(seeds=1).to_data()
    for seeds, problem in (([], "no seed is given"), ([0, 0], "a seed is below 0, or")):
        (tmp_path / "empty" / "study.json").write_text(
            json.dumps({**plan, "seeds": seeds})
        )
        assert f"empty/study.json: compare: {problem}" in fails("report", "empty")
    assert not (tmp_path / "out").exists()


LARGE = """
import resource, sys, time
from pathlib import Path
from helpers import studies
from polyframe.study.plan import Variant
from polyframe.study.report.source import collect
from polyframe.study.report.write import write

path = Path(sys.argv[1])
if not path.exists():
    variants = [studies.ALIGNED, *(Variant(f"lr={i}") for i in range(1, 25))]
    plan = studies.plan(("a", "b", "c", "d"), variants, 100)
    studies.simulated(path, plan, epochs=5, steps=300, sample=2)
    sys.exit()
from polyframe.study.analysis import analyse
folder = studies.StudyFolder(path)
write([collect(folder, analyse)], path)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


@pytest.mark.full
def test_ten_thousand_cells(tmp_path):
    """In less than a minute of one processor, and 1 GiB."""
    arguments = [sys.executable, "-c", LARGE, str(tmp_path / "study")]
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(arguments, check=True, env=where)
    made = subprocess.run(
        arguments, check=True, env=where, capture_output=True, text=True
    )
    seconds, mib = map(float, made.stdout.split())
    assert seconds < 60 and mib < 1024, (seconds, mib)
    html = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert "single seeds are too many to draw" in html
    assert "more rows are in results.json" in html
    assert len(html) < 6 * 2**20

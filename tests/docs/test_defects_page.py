"""The page of the frameworks' defects is what the files of the defects say."""

from __future__ import annotations

import sys

import defects

from polyframe.teach import defect_registry
from polyframe.teach.defect_registry import defects as known


def test_the_page_is_current():
    stale = "stale: run `python tools/defects.py --page`"
    assert defects.PAGE.read_text(encoding="utf-8") == defects.page(), stale


def test_each_defect_has_a_section_with_its_program():
    text = defects.page()
    for defect in known():
        section = text.partition(f"\n### {defect.id}\n")[2].partition("\n### ")[0]
        for part in (defect.program, defect.prints, defect.avoided, defect.seen):
            assert part.strip() in section, defect.id
        assert (defect.reported or "not known to be reported") in section


def test_the_tool_keeps_what_a_new_program_prints(tmp_path, monkeypatch, capsys):
    """One that shows, and one that does not: of the latter nothing is kept."""
    yaml = defects.FOLDER / "torch-celu-float64.yaml"
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(defects, "ROOT", tmp_path)
    monkeypatch.setattr(defects, "PAGE", tmp_path / "docs" / "defects.md")
    for module in (defects, defect_registry):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    text = yaml.read_text()
    for name, claim in (("torch-there", "1 < 2"), ("torch-healed", "1 > 2")):
        entry = text.replace("torch-celu-float64", name)
        (tmp_path / f"{name}.yaml").write_text(entry)
        (tmp_path / f"{name}.native").write_text(f"print('new')\nassert {claim}\n")
    known.cache_clear()
    try:
        monkeypatch.setattr(sys, "argv", ["defects.py"])
        defects.main()
    finally:
        monkeypatch.undo()
        known.cache_clear()
    told = capsys.readouterr().out
    assert "torch-there shows\n" in told and "torch-healed is healed" in told
    assert (tmp_path / "torch-there.txt").read_text() == "new\n"
    assert (tmp_path / "torch-healed.txt").read_text() == ""
    assert "```text\nnew\n```" in (tmp_path / "docs" / "defects.md").read_text()

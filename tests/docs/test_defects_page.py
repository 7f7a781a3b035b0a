"""The page of the frameworks' defects is what the files of the defects say."""

from __future__ import annotations

import defects

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

"""What type checkers and editors see of polyframe: a right script passes, and each
mistake of a wrong one is reported, by mypy and by pyright."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import types_as_installed

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).with_name("typed")


def pyright(tmp_path: Path) -> dict[str, set[int]]:
    """Script → the lines that pyright reports."""
    config = {
        "include": [str(SCRIPTS)],
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "standard",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "--level", "error", "--outputjson"]
    command += ["--pythonpath", sys.executable, "--project", str(tmp_path)]
    report = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    assert report["summary"]["filesAnalyzed"] == 2
    lines: dict[str, set[int]] = {"right.py": set(), "wrong.py": set()}
    for problem in report["generalDiagnostics"]:
        name = Path(problem["file"]).name
        lines[name].add(problem["range"]["start"]["line"] + 1)
    return lines


def mypy(tmp_path: Path) -> dict[str, set[int]]:
    """Script → the lines that mypy reports."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *scripts()]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    lines: dict[str, set[int]] = {"right.py": set(), "wrong.py": set()}
    for name, line in re.findall(r"(\w+\.py):(\d+): error", text):
        lines[name].add(int(line))
    return lines


def scripts() -> list[str]:
    return [str(SCRIPTS / "right.py"), str(SCRIPTS / "wrong.py")]


@pytest.mark.parametrize("check", [mypy, pyright])
def test_checkers_report_each_mistake_and_nothing_else(check, tmp_path):
    reported = check(tmp_path)
    assert reported["right.py"] == set()
    texts = (SCRIPTS / "wrong.py").read_text().splitlines()
    marked = {i for i, text in enumerate(texts, 1) if text.endswith("# wrong")}
    assert len(marked) > 30
    assert reported["wrong.py"] == marked


def test_what_one_module_of_a_backend_takes_from_another_is_checked(tmp_path):
    (tmp_path / "polyframe").symlink_to(ROOT / "polyframe")
    shutil.copytree(ROOT / "backends", tmp_path / "backends")
    path = tmp_path / "backends" / "tf" / "backend.py"
    text = path.read_text()
    right, wrong = (
        "resolved: Device = resolve_device(device)",
        "resolve_device(device, 1)",
    )
    assert right in text
    path.write_text(text.replace(right, f"resolved: Device = {wrong}"))
    report = types_as_installed.check(tmp_path)
    assert report.returncode == 1, report.stderr
    (line,) = re.findall("^.*: error: .*$", report.stdout, re.M)
    assert line.startswith("polyframe/backends/tf/backend.py:")
    assert "Too many arguments" in line

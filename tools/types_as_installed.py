"""mypy on the tree as it is installed: ``backends/`` is ``polyframe.backends``.

In a checkout ``backends`` lies beside ``polyframe``, where mypy does not look for
``polyframe.backends``: what one of its modules imports from another would be ``Any``, and
nothing of it checked. So this makes a folder with links to both, and has mypy look there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
AS_ANY = "polyframe.backends.*"
"""The override of pyproject.toml for mypy in a checkout; here nothing is missing."""


def settings() -> str:
    """The settings of pyproject.toml for this tree, as mypy.ini has them."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    lines = ["[mypy]", "strict = true", f"exclude = {'|'.join(known['exclude'])}"]
    lines.append(f"python_version = {known['python_version']}")
    for override in known["overrides"]:
        if AS_ANY not in override["module"]:
            lines.append(f"[mypy-{','.join(override['module'])}]")
            lines += [f"{k} = {v}" for k, v in override.items() if k != "module"]
    return "\n".join(lines) + "\n"


def check(root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run mypy on the tree of a checkout."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "polyframe")
        package.mkdir()
        for path in (root / "polyframe").iterdir():
            (package / path.name).symlink_to(path)
        (package / "backends").symlink_to(root / "backends")
        Path(folder, "mypy.ini").write_text(settings())
        command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini"]
        command += ["--cache-dir", str(ROOT / ".mypy_cache" / "installed"), "polyframe"]
        environment = {**os.environ, "MYPYPATH": ""}
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )


if __name__ == "__main__":
    done = check()
    print(done.stdout, done.stderr, sep="", end="")
    sys.exit(done.returncode)

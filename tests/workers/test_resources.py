"""What a process has used: counters that begin anew, and systems that tell nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from polyframe.workers import resources
from polyframe.workers.resources import (
    Energy,
    cpu_seconds,
    gpu_name,
    peak_memory,
    process_age,
    processor,
)


@pytest.fixture
def rapl(tmp_path, monkeypatch):
    """A system with two processors, one of which has a part with a counter of its own."""
    monkeypatch.setattr(resources, "RAPL", tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_energy_range_uj").write_text("10000000\n")
        (tmp_path / name / "energy_uj").write_text("9000000\n")
    return tmp_path


def test_energy_is_that_of_whole_processors_and_outlives_its_counter(rapl):
    energy = Energy()
    assert energy.read() == 0
    (rapl / "intel-rapl:0" / "energy_uj").write_text("9500000")
    (rapl / "intel-rapl:0:0" / "energy_uj").write_text("9900000")
    assert energy.read() == pytest.approx(0.5)
    (rapl / "intel-rapl:1" / "energy_uj").write_text("1000000")  # it began anew
    assert energy.read() == pytest.approx(2.5)
    (rapl / "intel-rapl:1" / "energy_uj").write_text("not a number")
    assert energy.read() == pytest.approx(2.5)


def test_a_system_that_tells_no_energy_tells_none(rapl, tmp_path, monkeypatch):
    for path in rapl.glob("*/energy_uj"):
        path.unlink()
    assert Energy().read() is None
    monkeypatch.setattr(resources, "RAPL", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Energy(gpu=True).read() is None


def test_gpus_count_where_pynvml_is_there(tmp_path, monkeypatch):
    used = [1000, 2000]
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=lambda index: used[index],
    )
    monkeypatch.setattr(resources, "RAPL", tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    energy = Energy(gpu=True)
    used[1] += 500  # millijoules
    assert energy.read() == pytest.approx(0.5)
    assert Energy(gpu=False).read() is None
    monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: 1 / 0)
    assert energy.read() is None


def test_a_processes_age_is_since_it_was_made(monkeypatch, tmp_path):
    code = (
        "import time\ntime.sleep(0.3)\n"
        "from polyframe.workers.resources import process_age\nprint(process_age())"
    )
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert 0.25 < float(told.stdout) < time.monotonic() - began + 0.05
    assert process_age() > 0
    monkeypatch.setattr(resources, "STAT", tmp_path / "none")
    assert process_age() == 0
    assert 10 <= process_age(time.time() - 10) < 60
    assert process_age(time.time() + 100) == 0  # by another machine's clock


def test_the_rest_is_told():
    assert 5 < peak_memory() < 2**20
    assert cpu_seconds() > 0
    assert processor()


def test_a_gpu_has_no_name_where_nobody_tells_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert gpu_name(0) is None

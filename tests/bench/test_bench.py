"""``polyframe bench``: turns and ratios, who takes part, and that unequal contestants
are refused. No test asserts a time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.adding import EXAMPLES, SPEC, taken_away
from scipy import stats

import polyframe as pf
from polyframe.bench.contestant import PolyframeContestant
from polyframe.bench.entrants import entrants
from polyframe.bench.ratios import paired_ratio, ranks, spread
from polyframe.bench.run import Result, check_equal
from polyframe.bench.settings import Settings, recipe_of
from polyframe.cli import cli
from polyframe.train.loop import WAITING
from polyframe.workers.child import wait_until_idle

HANDWRITTEN = Path(__file__).parents[1] / "handwritten"
SMALL = ("--batch", "4", "--rounds", "2", "--threads", "1", "--optimizer", "adam")
RIVAL = """
class Model:
    def __init__(self, num_classes, input_shape, width):
        self.arguments = num_classes, input_shape, width

make = Model
"""
TRAINING = """
import os
class Trainer:
    def __init__(self, model, optimizer, device):
        assert model.arguments == (10, (1, 8, 8), 1.0), model.arguments
    def stage(self, x, y):
        assert x.shape == (4, 1, 8, 8), x.shape
        print("noise on standard output")
        return x, y
    def step(self, batch):
        {step}
    def read(self, loss):
        return loss
    def predict(self, batch):
        return batch[0]
    def describe(self):
        return dict(threads={threads}, dtype="float32", parameters={parameters})
"""


def settings(**fields):
    spec = pf.zoo.digits_cnn()
    return Settings.of(recipe_of(spec), spec.name, **{"batch": 4} | fields)


def rivals(folder, step="return 1.0", threads=1, parameters=6090):
    """A folder with a hand-written program for a framework called torch."""
    (folder / "torch").mkdir()
    (folder / "torch" / "digits_cnn.py").write_text(RIVAL)
    text = TRAINING.format(step=step, threads=threads, parameters=parameters)
    (folder / "torch" / "training.py").write_text(text)
    return str(folder)


def run(*arguments):
    result = CliRunner().invoke(cli, ["bench", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


# --- ratios --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 5, 6, 11, 15, 21, 100])
def test_the_interval_of_a_median_is_the_binomial_one(count):
    low, high = ranks(count)
    assert high == count - 1 - low
    covered = 1 - 2 * stats.binom.cdf(low, count, 0.5)
    narrower = 1 - 2 * stats.binom.cdf(low + 1, count, 0.5)
    if count >= 6:
        assert covered >= 0.95 > narrower
    else:
        assert low == 0  # too few for 95 %


def test_ratios_are_of_paired_turns():
    """A machine that slows down in the middle slows both, and the ratio stays."""
    own = [1.0, 1.0, 5.0, 5.0, 5.0, 1.0, 1.0]
    rival = [2.0, 2.0, 10.0, 10.0, 10.0, 2.0, 1.9]
    assert paired_ratio(rival, own) == (2.0, 1.9, 2.0)
    assert spread([3.0, 1.0, 2.0, 5.0, 4.0]) == (3.0, 2.0, 4.0)
    assert spread([3.0]) == (3.0, 3.0, 3.0)


# --- who takes part ------------------------------------------------------------------


def names(contestants):
    return [entrant.name for entrant in contestants]


def test_those_take_part_whose_files_are_there():
    given = settings(rivals=str(HANDWRITTEN))
    own = [
        f"{b}: {what}"
        for b in ("torch", "mxnet")
        for what in (
            "polyframe",
            "emitted program",
            "idiomatic program",
        )
    ]
    assert names(entrants(given, ["torch", "mxnet"])) == own  # nobody wrote digits_cnn
    for model in (
        "simple_cnn",
        "conv4",
        "cifar_resnet20",
        "mobilenet_v2",
        "densenet121",
    ):
        spec = getattr(pf.zoo, model)(input_shape=(3, 32, 32))
        given = Settings.of(recipe_of(spec), model, rivals=str(HANDWRITTEN))
        competitors = names(
            entrants(given, ["torch", "tensorflow", "mxnet"], ["idiomatic"])
        )
        assert {f"{b}: by hand" for b in ("torch", "tensorflow", "mxnet")} <= set(
            competitors
        )
        assert {f"keras on {b}" for b in ("tensorflow", "torch", "jax")} <= set(
            competitors
        )
        assert {"torch: by hand, for inference", "onnxruntime"} <= set(competitors)
        assert not any("idiomatic" in name for name in competitors)


def test_a_recipe_brings_its_settings_and_hand_written_programs_only_plain_ones(
    tmp_path,
):
    """A recipe's loss, optimizer, metrics, dtype and training settings are compared."""
    path = tmp_path / "mine.yaml"
    recipe = pf.Recipe(
        pf.zoo.digits_cnn(), name="mine", loss=pf.CrossEntropy(label_smoothing=0.1),
        optimizer=pf.SGD(0.3), metrics=("accuracy",), clip_norm=0.01, accumulate=2,
        freeze="conv1", ema=0.9, batch_size=6, schedule="cosine",
    )  # fmt: skip
    path.write_text(recipe.to_yaml())
    code, out, err = run(
        path, "-b", "torch", "--rounds", "2", "--threads", "1", "--skip", "program",
        "--rivals", rivals(tmp_path), "--json",
    )  # fmt: skip
    assert code == 0, err
    data = json.loads(out)
    assert [each["name"] for each in data["contestants"]] == ["torch: polyframe"]
    assert data["settings"]["batch"] == 6
    asked = Settings(**{k: v for k, v in data["settings"].items() if k != "dtype"})
    assert asked.optimizer is None  # so no hand-written program takes part
    assert (
        asked.told
        == "SGD, cross_entropy, accumulate 2, clip_norm 0.01, ema 0.9, "
        + ("freeze ('conv1',)")
    )
    own = PolyframeContestant(asked, "torch", "fit")
    assert len(own.ready) == 2
    before = own.model.weights()
    own.bare(1)
    moved = [n for n, w in own.model.weights().items() if (w != before[n]).any()]
    assert moved == ["conv2.weight", "conv2.bias", "fc.weight", "fc.bias"]
    steps = own.model.steps_done
    own.fitted(3)
    assert own.model.steps_done - steps == 3 + WAITING + 1
    plain = Settings.of(recipe_of(pf.zoo.digits_cnn(), "sgd"), "digits_cnn")
    assert plain.optimizer == "sgd"
    shipped = Settings.of(
        pf.load_recipe("simple_cnn"), "simple_cnn", rivals=str(HANDWRITTEN)
    )
    assert shipped.optimizer == "adam" and shipped.rival("torch")


def test_contestants_that_differ_are_named():
    given = settings(threads=2)
    equal = {"threads": 2, "dtype": "float32", "batch": 4, "parameters": 6090}
    check_equal(given, {"a": equal, "b": {**equal, "version": "1"}})
    with pytest.raises(pf.PolyframeError) as caught:
        check_equal(
            given, {"a": equal, "b": {**equal, "threads": 1, "dtype": "bfloat16"}}
        )
    assert str(caught.value) == (
        "bench: these contestants are not equal: b has threads 1, not 2; b has dtype "
        "bfloat16, not float32 (--skip leaves a contestant out)"
    )


# --- the command ---------------------------------------------------------------------


def test_a_comparison_from_end_to_end(tmp_path):
    code, out, err = run(
        "digits_cnn", "-b", "torch", *SMALL, "--rivals", rivals(tmp_path),
        "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert code == 0, err
    data = json.loads(out)
    assert data == json.loads((tmp_path / "out" / "bench.json").read_text())
    assert (tmp_path / "out" / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert data["settings"]["threads"] == 1
    assert str(tmp_path) not in out
    contestants = {each["name"]: each for each in data["contestants"]}
    assert list(contestants) == [
        "torch: polyframe",
        "torch: emitted program",
        "torch: idiomatic program",
        "torch: by hand",
    ]
    own = contestants["torch: polyframe"]
    assert set(own["phase_seconds"]) == {
        "host to device", "forward", "backward", "update", "metric", "evaluation",
    }  # fmt: skip
    assert set(own["start_seconds"]) == {"import", "build", "first step"}
    assert set(own["loop_ratio"]) == {"value", "low", "high"}
    assert contestants["torch: by hand"]["loop_ratio"] is None
    assert own["facts"]["threads"] == 1 and own["peak_mib"] > 50
    assert {op: len(turns) for op, turns in own["turn_seconds"].items()} == {
        "step": 2, "predict": 2,
    }  # fmt: skip
    over = {(r["op"], r["contestant"]): r["over"] for r in data["ratios"]}
    assert over["step", "torch: by hand"] == "torch: polyframe"
    assert len(over) == 5


def test_a_contestants_process_knows_the_plug_ins(tmp_path):
    (tmp_path / "mine.yaml").write_text(SPEC)
    with taken_away():
        code, out, err = run(
            tmp_path / "mine.yaml", "-b", "torch", *SMALL, "--skip", "program", "--json",
            "--plugin", EXAMPLES / "squared_relu.py",
        )  # fmt: skip
    assert code == 0, err
    assert [each["name"] for each in json.loads(out)["contestants"]] == [
        "torch: polyframe"
    ]


def test_the_tables_name_every_contestant_and_its_ratio(tmp_path):
    code, out, err = run("digits_cnn", "-b", "mxnet", *SMALL, "--rivals", tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith("digits_cnn: batch 4, float32, 1 threads on cpu, Adam")
    lines = out.splitlines()
    assert sum(line.startswith("mxnet: polyframe  ") for line in lines) == 4
    assert sum(line.startswith("mxnet: idiomatic program  ") for line in lines) == 4
    assert (
        sum(line.startswith("mxnet: polyframe: a step of fit") for line in lines) == 1
    )
    assert "times polyframe (95 %)" in out and "peak MiB" in out


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"threads": 3},
            "error: bench: these contestants are not equal: torch: by hand has threads 3, "
            "not 1 (--skip leaves a contestant out)\n",
        ),
        (
            {"parameters": 6091},
            "error: bench: these contestants are not equal: torch: by hand has parameters "
            "6091, not 6090 (--skip leaves a contestant out)\n",
        ),
        (
            {"step": "raise OSError('no disk')"},
            "error: torch: by hand: its process ended with status 1: OSError: no disk\n",
        ),
        (
            {"step": "os._exit(3)"},
            "error: torch: by hand: its process ended with status 3: noise on standard "
            "output\n",
        ),
    ],
)
def test_an_unequal_or_broken_rival_ends_it_with_one_message(tmp_path, fields, message):
    folder = rivals(tmp_path, **fields)
    alone = ("--skip", "emitted", "--skip", "idiomatic")  # fewer processes to start
    code, out, err = run(
        "digits_cnn", "-b", "torch", *SMALL, *alone, "--rivals", folder
    )
    assert (code, out) == (2, "")
    assert err == message


def test_wrong_usage_is_told():
    code, _, err = run("digits_cnn", "-b", "torch", "--skip", "polyframe")
    assert code == 2 and "--skip leaves no polyframe to compare with" in err
    code, _, err = run("simple_cnn", "--width", "-1")
    assert code == 2 and "-1.0 is not in the range 0<x<=1000" in err
    code, _, err = run("nothing")
    assert code == 2 and "there is no shipped model or recipe 'nothing'" in err
    code, _, err = run("digits_cnn", "-b", "caffe")
    assert code == 2 and "caffe" in err


def test_a_worker_says_nothing_but_answers_on_standard_output():
    """What frameworks print would break the protocol."""
    given = settings(rivals=None)
    entrant = entrants(given, ["tensorflow"])[0].to_data()
    asked = [
        {"plugins": [], "settings": given.to_data(), "entrant": entrant},
        {"do": "run", "op": "predict", "count": 1},
    ]
    process = subprocess.run(
        [sys.executable, "-m", "polyframe.bench.worker"],
        input="".join(json.dumps(line) + "\n" for line in asked),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = map(json.loads, process.stdout.splitlines())
    assert first["ops"] == ["step", "predict"]
    assert second["seconds"] > 0


def test_a_ratio_is_over_the_contestant_on_the_same_backend():
    given = settings(rivals=None)
    result = Result(given, entrants(given, ["torch", "mxnet"]))
    for entrant in result.entrants:
        assert result.reference(entrant) == f"{entrant.backend}: polyframe"


def test_a_turn_ends_when_the_threads_rest():
    """Else what a contestant's threads still do would be timed as the next one's."""
    until = time.perf_counter() + 0.5

    def work():
        while time.perf_counter() < until:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    wait_until_idle()
    assert not thread.is_alive()


@pytest.mark.parametrize("backend", ["torch", "mxnet", "tensorflow"])
def test_a_step_is_timed_with_its_update(backend, monkeypatch):
    """MXNet's update is under way when the loss is there."""
    own = PolyframeContestant(settings(), backend, "program")
    waits = []
    monkeypatch.setattr(own.model.engine.session, "wait", lambda: waits.append(1))
    assert own.bare(2) > 0
    assert waits == [1]


def test_only_a_checkouts_programs_are_run(tmp_path):
    """What lies beside an installed package may be anybody's ``tests/handwritten``."""
    from polyframe.cli.bench import CHECKOUT, is_checkout

    assert is_checkout(CHECKOUT)
    site = tmp_path / "site-packages"
    (site / "tests" / "handwritten" / "torch").mkdir(parents=True)
    (site / "polyframe" / "backends" / "pytorch").mkdir(parents=True)
    (site / "polyframe" / "backends" / "pytorch" / "backend.py").touch()
    assert not is_checkout(site)
    (site / "setup.py").touch()  # a stray one does not make it ours, either
    assert not is_checkout(site)

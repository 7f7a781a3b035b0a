"""How the fairness lint reads: what it cannot tell it says, and nothing harms it."""

from __future__ import annotations

import json

import pytest
from helpers.training_programs import KERAS, MXNET, TORCH, unfair, written

from polyframe.differences import differences
from polyframe.errors import PolyframeError
from polyframe.study.check import (
    HEADS,
    MISTAKE,
    NOT_READ,
    check,
    rows,
    to_data,
)
from polyframe.study.lint.source import LARGEST
from polyframe.study.lint.tables import element_fields, frameworks, settings

# --- what a program does wrong by itself -------------------------------------------------

TAPE = """\
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Dropout(0.5)])
with tf.GradientTape() as tape:
    loss = f(model(x))
"""
CLOCK = """\
import time
import mxnet as mx
began = time.perf_counter()
for x, y in data:
    step(x, y)
print(time.perf_counter() - began)
"""
WAIT, WARM = "mx.nd.waitall()\n", "warm_up()\n"
WAITING = CLOCK.replace("print", WAIT + "print")
WARMED = CLOCK.replace("began =", WARM + "began =")
MISTAKES = [
    ("gradients are never set to zero", TORCH, "        optimizer.zero_grad()\n", ""),
    ("evaluated in training mode", TORCH, "    model.eval()\n", ""),
    ("never put back into training mode", TORCH, "    model.train()\n", ""),
    ("nothing is recorded", MXNET, "with autograd.record():", "if True:"),
    ("trains at rest", TAPE.replace("(x)", "(x, training=True)"), ", training=True", ""),
    ("times do not wait for the device", WAITING, WAIT, ""),
    ("no warm-up is seen", WARMED, WARM, ""),
]  # fmt: skip


@pytest.mark.parametrize(("title", "text", "old", "new"), MISTAKES)
def test_mistakes(tmp_path, title, text, old, new):
    def titles(program):
        found = check(written(tmp_path, a=program, b=KERAS))
        return {each.title for each in found if each.kind == MISTAKE}

    assert title not in titles(text)
    assert text.count(old) == 1
    assert title in titles(text.replace(old, new))


def test_a_gluon_step_of_1_sums(tmp_path):
    summed = MXNET.replace("trainer.step(64)", "trainer.step(1)")
    assert "reduction" in unfair(check(written(tmp_path, a=TORCH, b=summed)))
    mean = summed.replace("criterion(net(x), y)", "criterion(net(x), y).mean()")
    assert "reduction" not in unfair(check(written(tmp_path, a=TORCH, b=mean)))


# --- what is not read is said, never guessed ---------------------------------------------

PARSER = """\
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("-l", "--my-lr", type=float, default=1e-3)
parser.add_argument("--none", type=float)
args = parser.parse_args()
"""
UNREAD = [
    ("lr=LR", "lr=rate()", "is computed at line"),
    ("lr=LR", "lr=options.lr", "is an attribute at line"),
    ("lr=LR", "lr=args.none", "is the option none, which has no default"),
    ("LR = 1e-3", "LR = 1e-3\nLR = 1e-2", "LR is given values at lines 6, 7"),
    ("LR = 1e-3", "LR = 1e-3 if big else 1e-2", "is computed at line 6"),
    ("LR = 1e-3", "from settings import LR", "LR comes from settings"),
    ("lr=LR", "**options", "is in **arguments at line"),
    ("LR = 1e-3", "LR = a = 2\nfor a in b: pass\nLR = a", "is given values"),
]


@pytest.mark.parametrize(("old", "new", "problem"), UNREAD)
def test_what_cannot_be_told_is_said(tmp_path, old, new, problem):
    found = check(written(tmp_path, a=TORCH.replace(old, new) + PARSER, b=KERAS))
    assert "learning_rate" not in unfair(found)
    (one,) = [each for each in found if each.setting == "learning_rate"]
    assert one.kind == NOT_READ and one.title.startswith("not compared: ")
    assert problem in one.seen[0].value
    assert one.seen[0].where.startswith(str(tmp_path / "a.py:"))


TOLD = [
    ("LR = 1e-3", "LR = 0.5e-3 * 2"),
    ("LR = 1e-3", "LR, OTHER = 1e-3, 5"),
    ("LR = 1e-3", "A = 1e-3\nLR = A"),
    ("LR = 1e-3", "LR: float = 1e-3"),
    ("lr=LR", "lr={'lr': 1e-3}['lr']"),
    ("lr=LR", "LR"),
    ("lr=LR", "lr=args.my_lr"),
    ("LR = 1e-3\n", "class C:\n    lr = 1e-3\nLR = C.lr\n"),
]


@pytest.mark.parametrize(("old", "new"), TOLD)
def test_constants_are_followed(tmp_path, old, new):
    found = check(written(tmp_path, a=PARSER + TORCH.replace(old, new), b=KERAS))
    assert "learning_rate" not in {each.setting for each in found}


def test_imports_by_any_name(tmp_path):
    other = TORCH.replace("import torch\n", "import torch\nimport torch.optim as o\n")
    other = other.replace("torch.optim.Adam", "o.Adam").replace("nn.Drop", "D.Drop")
    other = other.replace("LR = 1e-3", "import torch.nn as D\nLR = 1e-3")
    found = check(written(tmp_path, a=TORCH, b=other))
    assert [each.sentence for each in found] == []


def test_weights_that_are_loaded_are_not_compared(tmp_path):
    loaded = TORCH + "model.load_state_dict(torch.load('w.pt'))\n"
    found = check(written(tmp_path, a=loaded, b=KERAS))
    assert "initializer" not in unfair(found)
    assert "initializer" in {each.setting for each in found if each.kind == NOT_READ}


# --- what is printed ---------------------------------------------------------------------


def test_the_way_out_is_in_each_frameworks_convention(tmp_path):
    torch = TORCH.replace("BatchNorm2d(8)", "BatchNorm2d(8, momentum=0.25)")
    found = check(written(tmp_path, a=torch, b=KERAS, c=MXNET))
    (one,) = [each for each in found if each.setting == "norm_momentum"]
    assert one.way == (
        "TensorFlow: BatchNormalization(momentum=0.75); MXNet: BatchNorm(momentum=0.75)"
    )
    assert one.difference == "batchnorm-momentum"
    assert [(each.value, each.given) for each in one.seen] == [
        ("0.25", True), ("0.1", True), ("0.1", False),
    ]  # fmt: skip
    line = 1 + KERAS.splitlines().index(
        "    layers.BatchNormalization(momentum=0.9, epsilon=1e-5),"
    )
    assert one.seen[1].where == f"{tmp_path / 'b.py'}:{line}"


def test_table_and_json(tmp_path):
    found = check(written(tmp_path, a=TORCH, b=KERAS.replace(", epsilon=1e-5", "")))
    table = rows(found)
    assert all(len(row) == len(HEADS) for row in table)
    assert ["default", "batchnorm-epsilon"] not in table
    assert any(row[2] == "0.001" and row[4] == "default" for row in table)
    data = json.loads(json.dumps(to_data(found)))
    assert data["fair"] is False and data["schema"] == 1
    assert {each["setting"] for each in data["findings"]} >= {"norm_epsilon"}
    assert to_data(check(written(tmp_path, a=TORCH, b=TORCH + "\n")))["fair"] is True


def test_tables_name_what_exists():
    ids = {each.id for each in differences()}
    for each in settings().values():
        assert not each.difference or each.difference in ids, each.setting
    for framework in frameworks().values():
        for name, call in {**framework.calls, **framework.methods}.items():
            assert {*call.sets, *call.reads.values()} <= set(settings()), name
            if call.element:
                fields = element_fields(call.element)
                known = [f for a in call.order for f in framework.fields_of(call, a)]
                assert set(known) & set(fields), name


# --- hostile input -----------------------------------------------------------------------

HOSTILE = {
    "deep": b"import torch\nx = " + b"(" * 5000 + b")" * 5000,
    "chain": b"import torch\nx = " + b"+".join([b"1"] * 50_000),
    "minus": b"import torch\nx = " + b"-" * 100_000 + b"1",
    "large": b"import torch\n" + b"#" * (10 * 2**20),
    "no Python": b"<html>import torch</html>",
    "Latin": "import torch  # é".encode("latin-1"),
    "UTF-16": "import torch".encode("utf-16"),
    "zeros": b"import torch\0",
    "bytes": bytes(range(256)),
    "nothing": b"",
    "no framework": b"import numpy as np\n",
    "cookie": b"# -*- coding: rot13 -*-\nvzcbeg gbepu\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_programs_are_one_error(tmp_path, name):
    (good,) = written(tmp_path, good=TORCH)
    bad = tmp_path / "bad.py"
    bad.write_bytes(HOSTILE[name])
    with pytest.raises(PolyframeError) as error:
        check([good, bad])
    assert str(error.value).startswith(str(bad)) and "\n" not in str(error.value)
    assert len(str(error.value)) < 300 + len(str(bad))


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/stdin", ".", "missing"])
def test_what_is_no_file_is_one_error(tmp_path, target):
    (good,) = written(tmp_path, good=TORCH)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    with pytest.raises(
        PolyframeError, match=r"link\.py: (is not a file|cannot be read)"
    ):
        check([good, link])


def test_programs_are_not_run(tmp_path):
    proof = tmp_path / "proof"
    text = f"open({str(proof)!r}, 'w')\n{TORCH}\nraise SystemExit(1)\n"
    check(written(tmp_path, a=text, b=KERAS))
    assert not proof.exists()


WIDE = "".join(f"x{i} = (" + f"x{i + 1}, " * 900 + ")\n" for i in range(12))
TRICKS = [
    WIDE + "LR = x0",
    "LR = LR",
    "A = B\nB = A\nLR = A",
    "LR = 9**9**9**9",
    "LR = 0xf" + "f" * 50_000,
    "LR = 1e308 * 10",
    "LR = 1 / 0",
    "LR = (-8) ** 0.5",
    "LR = '\\u202e\\n'",
    "LR = {}[[]]",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_values_that_are_tricks_are_bounded(tmp_path, trick):
    text = TORCH.replace("LR = 1e-3", trick)
    assert len(text) <= LARGEST
    for each in check(written(tmp_path, a=text, b=KERAS)):
        assert each.sentence.isprintable() and len(each.sentence) < 2000


def test_how_many():
    with pytest.raises(PolyframeError, match="got 1; 2 to 20 programs or recipes"):
        check(["a.py"])
    with pytest.raises(PolyframeError, match="a.py is given twice"):
        check(["a.py", "b.py", "a.py"])


def test_what_is_not_in_the_tables_is_said(tmp_path):
    torch = TORCH.replace("optim.Adam(", "optim.Rprop(").replace("Cross", "Fancy")
    torch = torch.replace(
        "for epoch", "torch.optim.lr_scheduler.CyclicLR(1)\nfor epoch"
    )
    found = check(written(tmp_path, a=torch, b=KERAS))
    assert {"optimizer", "loss", "schedule"}.isdisjoint(unfair(found))
    values = {each.setting: each.seen[0].value for each in found if not each.unfair}
    assert values["optimizer"] == "is torch.optim.Rprop, which is not in the tables"
    assert values["loss"] == "is torch.nn.FancyEntropyLoss, which is not in the tables"
    assert "CyclicLR" in values["schedule"]


def test_an_optimizer_of_the_programs_own_is_not_read(tmp_path):
    own = "class Mine(torch.optim.Optimizer):\n    pass\n\n"
    text = TORCH.replace("LR = 1", f"{own}LR = 1").replace("torch.optim.Adam(", "Mine(")
    found = check(written(tmp_path, a=text, b=KERAS))
    (one,) = [each for each in found if each.setting == "optimizer"]
    assert one.kind == NOT_READ and one.seen[0].value == "is the class Mine of line 6"


def test_losses_of_evaluation_do_not_count(tmp_path):
    text = "def test(x, y):\n    nn.functional.cross_entropy(x, y, reduction='sum')\n"
    found = check(written(tmp_path, a=TORCH + text, b=KERAS))
    assert "reduction" not in unfair(found)
    text = text.replace("def test", "def train")
    assert "reduction" in unfair(check(written(tmp_path, a=TORCH + text, b=KERAS)))

"""What a program is written in: forms of layers, losses and the optimizer; snippets."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.failing import fails
from helpers.programs import step_of, write
from helpers.steps import small

import polyframe as pf
from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.python.sections import import_lines
from polyframe.compiler.python.snippets import Snippet, copied, global_names
from polyframe.compiler.table import (
    Form,
    LossView,
    OptimizerView,
    Target,
    add_entries,
    choose,
)
from polyframe.compiler.training import LossFunction
from polyframe.contract.programs import make_step, write_programs
from polyframe.contract.registry import get
from polyframe.errors import BackendError
from polyframe.spec.element import define
from polyframe.spec.layers.base import Layer
from polyframe.spec.losses import Loss
from polyframe.spec.optimizers import Optimizer
from polyframe.spec.semantics import NAMES


def test_an_error_lists_every_node_loss_and_optimizer() -> None:
    torch = get("torch")
    left_out = ("Flatten", "Dropout", "mse", "Lion")
    poor = type(torch)()
    poor.table = {k: v for k, v in torch.table.items() if k not in left_out}
    spec = small()
    step = step_of(spec, "torch", "mse", pf.Lion())
    fails(
        pf.UnsupportedError,
        lambda: poor.write(spec.infer(), Target(), step),
        "small: the torch backend cannot run 2 of the nodes: dropout1 (Dropout): this "
        "backend has no entry for it; flatten1 (Flatten): this backend has no entry for "
        "it; it has no loss 'mse': this backend has no entry for it; it has no "
        "optimizer 'Lion': this backend has no entry for it",
    )


def test_no_layer_loss_and_optimizer_share_a_name() -> None:
    """One table holds them all."""
    words = [*Layer.registry, *Loss.registry, *Optimizer.registry]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("backend", "rule", "target", "form"),
    [
        ("torch", pf.Adam(), Target(), "native"),
        ("torch", pf.Adam(), Target(optimize=True), "fused"),
        ("torch", pf.Adam(), Target(forms={"Adam": "fused"}), "fused"),
        ("torch", pf.Adagrad(), Target(optimize=True), "fused"),
        ("torch", pf.Adagrad(), Target(optimize=True, device="gpu"), "native"),
        ("tensorflow", pf.Adam(), Target(), "kernel"),
        ("tensorflow", pf.Adam(amsgrad=True), Target(), "written out"),
        ("mxnet", pf.Adam(), Target(), "fused"),
        ("mxnet", pf.Adam(), Target(forms={"Adam": "exact"}), "exact"),
        ("mxnet", pf.Adam(), Target("float64"), "exact"),
        ("mxnet", pf.Adam(amsgrad=True), Target(), "exact"),
        ("mxnet", pf.SGD(0.1, momentum=0.9, dampening=0.5), Target(), "exact"),
    ],
)
def test_forms_of_optimizers(backend, rule, target, form) -> None:
    view = OptimizerView(rule.resolve({}), target)
    chosen = choose(get(backend).entries, view)
    assert isinstance(chosen, Form) and chosen.name == form


def test_both_forms_of_an_optimizer_can_be_written() -> None:
    spec = small()
    step = step_of(spec, "mxnet", "mse", pf.SGD(0.1, momentum=0.9))
    fused = write(spec, "mxnet", step=step, dtype="float32").source
    exact = write(spec, "mxnet", step=step, dtype="float32", forms={"SGD": "exact"})
    assert "multi_sgd_update" in fused and "multi_sgd_update" not in exact.source
    assert exact.source.count("class SGD(") == 1


def test_a_loss_is_seen_with_the_kind_of_its_targets() -> None:
    function = LossFunction.of(pf.CrossEntropy(loss_weight=3.0), (4, 3, 2))
    view = LossView(function, Target())
    assert (view.axes, view.labels, view.probabilities) == (2, True, False)
    assert view.loss == pf.CrossEntropy()
    soft = LossFunction.of(pf.CrossEntropy(), (4,), "probabilities")
    assert LossView(soft, Target()).probabilities
    plain = LossView(LossFunction.of(pf.MSE(), (4, 3, 2)), Target())
    assert (plain.axes, plain.labels, plain.probabilities) == (0, False, False)


# --- plug-ins' losses and optimizers --------------------------------------------------

TEXTS = '''
"""Copied into programs."""

import math

import torch


def doubled(x):
    """Twice that."""
    return 2 * x


def halved_twice(output, target):
    """Of which another one is a part."""
    return doubled(math.pi * (output - target).abs()).flatten(1).mean(1)


class Signs(torch.optim.Optimizer):
    """Steps of one length."""

    def __init__(self, params, lr=1e-3, decay=0.0):
        super().__init__(params, {"lr": lr})
        self.decay = decay

    @torch.no_grad()
    def step(self):
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(group["lr"] * p.grad.sign())
'''


def test_a_plug_ins_loss_and_optimizer_bring_their_own_text(tmp_path: Path) -> None:
    from polyframe.compiler import table
    from polyframe.compiler.python.losses import function
    from polyframe.compiler.python.optimizers import options
    from polyframe.compiler.python.source import Name, call

    @define
    class HalvedTwice(Loss):
        """An example."""

        word = "halved_twice"

    @define
    class Signs(Optimizer):
        """An example."""

        lr: float = 0.1

    path = tmp_path / "texts.py"
    path.write_text(TEXTS)
    line = "    return halved_twice(output, target)  # (N,)"

    def made(view: OptimizerView) -> Code:
        parameters = {"params": Name("model.parameters()")}
        make = call("Signs", parameters, lr=view.rule.lr, **options(view.rule, {}))
        return Code(make=make, snippets=("Signs",))

    add_entries(
        "torch",
        {
            "halved_twice": entry(
                function([line], snippets=("halved_twice",)), snippets=path
            ),
            "Signs": entry(made, snippets=path),
        },
    )
    try:
        spec = small()
        step = step_of(spec, "torch", HalvedTwice(), Signs(0.1))
        text = write(spec, "torch", step=step).source
    finally:
        for word, family in (("halved_twice", Loss), ("Signs", Optimizer)):
            del family.registry[word]
            del table._ADDED["torch"][word]
    assert text.count("import math\n\nimport torch\n") == 1
    places = [text.index(f"def {name}(") for name in ("doubled", "halved_twice")]
    assert places == sorted(places)  # what a snippet names comes along, before it
    assert text.index("def make_optimizer(") < text.index("class Signs(")
    assert "return Signs(model.parameters(), lr=0.1)" in text


def test_two_snippets_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text('def f(x):\n    """One."""\n    return x\n')
    other.write_text('def f(x):\n    """Another."""\n    return -x\n')
    wanted = [Snippet("f", one), Snippet("f", other)]
    fails(BackendError, lambda: copied(wanted, ()), "two snippets are called 'f': in ")
    assert len(copied([Snippet("f", one), Snippet("f")], (one, other))) == 1
    assert copied([Snippet("other.f")], (one, other))[0].path == other
    text = "there is no snippet 'g' in one.py"
    fails(BackendError, lambda: copied([Snippet("g")], (one,)), text)


def test_names_are_those_from_around_and_no_variables() -> None:
    text = """
@decorator
class A(base.B):
    x = outer

    def f(self, np):
        tf = np.zeros(3)
        return [jnp.sum(t) for t in tf] + later(self)
"""
    assert global_names(text) == {"decorator", "base", "outer", "jnp", "later"}


def test_import_lines_are_those_that_are_used_as_isort_has_them() -> None:
    lines = (
        "from mxnet import autograd, gluon, nd",
        "import numpy as np",
        "from functools import partial",
        "import mxnet as mx",
    )
    assert import_lines(lines, frozenset({"nd", "mx", "np", "gluon"})) == [
        "import mxnet as mx",
        "import numpy as np",
        "from mxnet import gluon, nd",
    ]
    assert import_lines(lines, frozenset({"partial", "np"})) == [
        "from functools import partial",
        "",
        "import numpy as np",
    ]


def test_code_says_whether_it_takes_random_numbers() -> None:
    layers = [pf.Dropout(0.5, name="it"), pf.Dense(2)]
    drop = pf.Sequential(layers, (3,), name="drop")
    for backend in ("torch", "tensorflow", "mxnet"):
        assert write(drop, backend).draws == ("it",)
        assert write(drop, backend, semantics="native").draws == ()


# --- what native semantics lack -------------------------------------------------------

OPTIMIZERS = sorted(Optimizer.registry)
PADDED = pf.Sequential(
    [pf.Conv2D(4, 3, stride=2, padding="same", name="conv"), pf.Flatten(), pf.Dense(3)],
    (1, 8, 8),
    name="padded",
)


def native_errors(backend: str) -> dict[str, tuple[pf.Recipe, str]]:
    """The recipes of one loss or optimizer, or of a padded layer, that a backend refuses
    in native semantics though it writes them in aligned ones, and its errors."""
    changes = [{"optimizer": name} for name in OPTIMIZERS]
    for name in sorted(Loss.registry):
        targets = {"data.targets": list(PADDED.infer().output_shapes[0])}
        changes.append({"loss": name, "data": "synthetic", **targets})
    errors = {}
    for change in changes:
        try:
            recipe = pf.load_recipe("digits_cnn", {**change, "model": PADDED.to_data()})
            written(recipe, backend)
        except pf.PolyframeError:
            continue  # refused in any semantics, or a loss that needs another shape
        native = replace(recipe, semantics="native")
        try:
            written(native, backend)
        except pf.UnsupportedError as error:
            errors[next(iter(change.values()))] = native, error.hint or ""
    return errors


def written(recipe: pf.Recipe, backend: str) -> str:
    step = make_step(
        recipe.model, get(backend), recipe.loss, recipe.optimizer, recipe.training,
        recipe.semantics,
    )  # fmt: skip
    target = Target(semantics=recipe.semantics)
    program, _ = write_programs(recipe.model, get(backend), step, target, False)
    return program.source


@pytest.mark.parametrize(
    ("backend", "name", "aspects_needed"),
    [
        ("torch", "LAMB", ["padding", "optimizer"]),
        ("tensorflow", "LARS", ["optimizer"]),
        ("mxnet", "Adam", ["padding"]),
    ],
)
def test_errors_of_native_semantics_have_a_hint_that_works(
    backend: str, name: str, aspects_needed: list[str]
) -> None:
    errors = native_errors(backend)
    for recipe, hint in errors.values():
        aspects = re.findall(r"--set semantics\.(\w+)=aligned", hint)
        assert aspects, (backend, recipe.optimizer, recipe.loss)
        changes = dict.fromkeys((f"semantics.{name}" for name in aspects), "aligned")
        changed = pf.load_recipe(recipe.to_data(), changes)
        assert len(changed.semantics) == len(NAMES) - len(aspects)
        assert written(changed, backend)
    assert errors[name][1] == " ".join(
        f"--set semantics.{aspect}=aligned" for aspect in aspects_needed
    )


def test_what_no_semantics_can_write_has_no_such_hint() -> None:
    torch = get("torch")
    poor = type(torch)()
    poor.table = {k: v for k, v in torch.table.items() if k != "Lion"}
    spec = small()
    step = step_of(spec, "torch", "mse", pf.Lion())
    with pytest.raises(pf.UnsupportedError) as caught:
        poor.write(spec.infer(), Target(semantics="native"), step)
    assert caught.value.hint is None

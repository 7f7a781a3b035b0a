"""What optimizing changes in a program: the lines, the rewrite that did it, and why."""

from __future__ import annotations

import pytest
from helpers.failing import fails
from helpers.support import BACKENDS

import polyframe as pf
from polyframe import zoo
from polyframe.compiler.passes import INFERENCE, PLAIN, REASONS, TRAINING
from polyframe.contract import registry
from polyframe.errors import SpecError
from polyframe.spec.recipe import Recipe
from polyframe.teach.listing import change_listing
from polyframe.teach.recipes import recipe_for
from polyframe.teach.rewrites import Changes, changes
from polyframe.teach.shown import write_shown


def changed(
    spec: pf.ModelSpec, backend: str, *, full: bool = False, **options: bool
) -> Changes:
    (one,) = write_shown(Recipe(spec, optimizer=pf.SGD(0.1)), [backend], **options)
    return changes(one, full=full)


def lines(found: Changes, sign: str) -> dict[str, tuple[int, ...]]:
    """Line of that sign, without comments → its marks."""
    each = {
        "".join(t for _, t in line.tokens).partition("  #")[0].strip(): line.marks
        for group in found.groups
        for line in group
        if line.sign == sign
    }
    return {text: marks for text, marks in each.items() if text}


def test_each_pass_says_what_it_does_and_why_it_is_exact() -> None:
    for one in (*TRAINING, *PLAIN, *INFERENCE):
        assert REASONS[one].title.endswith(".") and len(REASONS[one].why) > 40
    assert set(REASONS) == {*TRAINING, *PLAIN, *INFERENCE}


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_faster_form_says_why_it_computes_the_same(backend: str) -> None:
    for word, entry in registry.get(backend).entries.items():
        for form in entry.forms:
            assert bool(form.why) is form.faster, (word, form.name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pool_that_moves_is_marked_with_its_rewrite(backend: str) -> None:
    found = changed(zoo.residual_cnn(), backend)
    assert not any("pool" in cause.reason.title for cause in found.causes)
    found = changed(zoo.digits_cnn(), backend)
    cause = found.causes[0]
    assert cause.reason.title.startswith("Max pooling moves before an activation")
    assert cause.did == ("pool1 before relu1", "pool2 before relu2")
    for sign in "-+":
        marks = lines(found, sign)
        moved = [m for text, m in marks.items() if "relu1" in text or "pool1" in text]
        assert moved and set(moved) == {(cause.number,)}


def test_the_rest_is_the_backends_own_choice() -> None:
    found = changed(zoo.digits_cnn(), "torch")
    titles = {cause.number: cause.reason.title for cause in found.causes}
    (mark,) = lines(found, "+")["self.to(memory_format=torch.channels_last)"]
    assert titles[mark].startswith("The backend's own choices")
    marks = lines(found, "+")[
        "return torch.optim.SGD(model.parameters(), lr=0.1, fused=True)"
    ]
    assert titles[marks[0]] == "A faster form of the optimizer SGD."
    assert sorted(titles) == list(range(1, len(titles) + 1))


def test_what_is_folded_and_left_out_for_inference() -> None:
    spec = pf.Sequential(
        [
            pf.Conv2D(4, 3, name="conv"), pf.BatchNorm(name="bn"), pf.ReLU(name="relu"),
            pf.Flatten(name="flat"), pf.Dropout(0.5, name="drop"), pf.Dense(3, name="fc"),
        ],
        (3, 8, 8),
        name="net",
    )  # fmt: skip
    for backend in BACKENDS:
        found = changed(spec, backend, inference=True)
        did = {text for cause in found.causes for text in cause.did}
        assert {"bn folded into conv", "drop left out"} <= did
        why = {cause.reason for cause in found.causes}
        assert {
            reason for reason in REASONS.values() if "Random" in reason.title
        } <= why
        numbers = {text: cause.number for cause in found.causes for text in cause.did}
        gone = {t: m for t, m in lines(found, "-").items() if "self.bn = " in t}
        assert list(gone.values()) == [(numbers["bn folded into conv"],)]


def test_blocks_are_marked_by_what_changed_in_them() -> None:
    found = changed(zoo.residual_cnn(), "tensorflow", inference=True)
    numbers = {text: cause.number for cause in found.causes for text in cause.did}
    assert "layer2.shortcut.1 folded into layer2.shortcut.0" in numbers
    assert numbers["layer1.bn1 folded into layer1.conv1"] == 1


def test_an_average_before_a_1x1_convolution() -> None:
    spec = pf.Sequential(
        [
            pf.Conv2D(8, 3, name="a"), pf.Conv2D(4, 1, name="b"),
            pf.AvgPool2D(2, name="pool"), pf.Flatten(), pf.Dense(3),
        ],
        (3, 8, 8),
        name="net",
    )  # fmt: skip
    (cause, *_) = changed(spec, "mxnet").causes
    assert cause.did == ("pool before b",)
    assert "W times the mean of x" in cause.reason.why


def test_the_lines_are_those_of_both_programs() -> None:
    (plain,) = write_shown(recipe_for(zoo.digits_cnn()), ["torch"])
    (fast,) = write_shown(recipe_for(zoo.digits_cnn()), ["torch"], optimize=True)
    old, new = (one.program.source.splitlines() for one in (plain, fast))
    found = changes(plain)
    for group in found.groups:
        for line in group:
            text = "".join(t for _, t in line.tokens)
            assert line.before is None or old[line.before - 1] == text
            assert line.after is None or new[line.after - 1] == text
    signs = [line.sign for group in found.groups for line in group]
    assert len(old) - signs.count("-") + signs.count("+") == len(new)


def test_helpers_are_compared_if_asked_for() -> None:
    spec = pf.Sequential(
        [pf.Conv2D(4, 3), pf.GlobalAvgPool2D(), pf.Reshape((4, 1, 1)), pf.Conv2D(3, 1),
         pf.Flatten()],
        (3, 8, 8), name="net",
    )  # fmt: skip
    short, long = (changed(spec, "torch", full=full) for full in (False, True))
    head = "class PointwiseConv2d(nn.Conv2d):"
    assert head not in lines(short, "+") and head in lines(long, "+")
    (form,) = (
        cause for cause in short.causes if "form of Conv2D" in cause.reason.title
    )
    assert form.did == ("conv2: matrix product",)
    assert "matrix product over the channels" in form.reason.why


def test_equal_programs_and_native_semantics() -> None:
    spec = pf.Sequential([pf.Flatten(), pf.Dense(3)], (4,), name="net")
    found = changed(spec, "mxnet")
    assert found.groups == () and found.causes == ()
    text = "\n".join("".join(t for _, t in line) for line in change_listing(found, 80))
    assert "The programs are equal: no rewrite applies." in text
    (native,) = write_shown(recipe_for(spec), ["torch"], semantics="native")
    fails(SpecError, lambda: changes(native), "native semantics are not rewritten")


@pytest.mark.parametrize("width", [60, 100])
def test_a_diff_as_text(width: int) -> None:
    found = changed(zoo.digits_cnn(), "torch")
    texts = ["".join(t for _, t in line) for line in change_listing(found, width)]
    assert all(len(text) <= width for text in texts[1:])
    assert any(text.startswith("-         x = self.relu1(x)") for text in texts)
    assert any(text.startswith("[1] Max pooling moves") for text in texts)
    assert any(text.startswith("    here  ") for text in texts)

"""Programs side by side: no line is lost, the same node is in one row, and the notes are
those that matter there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from typing import get_args

import pytest
from helpers.support import BACKENDS

import polyframe as pf
from polyframe import zoo
from polyframe.compiler.program import Role
from polyframe.differences import differences
from polyframe.spec.recipe import Recipe
from polyframe.teach.alignment import PART_OF, PARTS, align
from polyframe.teach.highlight import KINDS, highlight
from polyframe.teach.listing import STYLES, broken, listing
from polyframe.teach.recipes import recipe_for
from polyframe.teach.shown import Shown, write_shown
from polyframe.teach.side_by_side import (
    SideBySide,
    annotated_program,
    side_by_side,
)

SOME = ("alexnet", "convnext_tiny", "residual_cnn", "small_unet", "squeezenet1_1")


@cache
def shown(name: str, semantics: str = "aligned") -> tuple[Shown, ...]:
    spec = getattr(zoo, name)()
    return write_shown(recipe_for(spec), BACKENDS, semantics=semantics)


@cache
def beside(name: str, semantics: str = "aligned") -> SideBySide:
    return side_by_side(shown(name, semantics), full=True)


def chain(*layers: pf.Layer, shape: tuple[int, ...] = (3, 8, 8)) -> pf.ModelSpec:
    return pf.Sequential(list(layers), shape, name="net")


def noted(
    recipe: Recipe | pf.ModelSpec, *backends: str, **options: object
) -> list[str]:
    """The ids of the notes of a network."""
    if not isinstance(recipe, Recipe):
        recipe = recipe_for(recipe)
    several = write_shown(recipe, backends or BACKENDS, **options)
    return [note.difference.id for note in side_by_side(several).notes]


# --- alignment -------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_each_line_of_each_program_is_there_once(name: str) -> None:
    side = beside(name)
    for one in shown(name):
        lines = [
            line
            for part in side.parts
            for cells in part.rows
            for line in cells.lines[one.name]
            if line.number is not None
        ]
        numbers = [line.number for line in lines]
        assert len(set(numbers)) == len(numbers)
        found = {line.number: line.text for line in lines if line.text.strip()}
        source = enumerate(one.program.source.splitlines(), 1)
        assert found == {number: text for number, text in source if text.strip()}


@pytest.mark.parametrize("name", SOME)
def test_a_row_has_the_same_node_of_each_program(name: str) -> None:
    """Each node's lines, as the source map has them, are in the row of that node, and it
    is one row for all programs that have lines of it alone."""
    for row in align(shown(name)):
        for one in shown(name):
            piece = row.pieces.get(one.name)
            if piece is None or not row.path or row.key[-1] == "loss":
                continue
            span = one.program.source_map[row.path][row.key[-1]]  # type: ignore[index]
            assert span.first <= piece.first <= piece.last <= span.last
    sections = [(row.section, row.key) for row in align(shown(name))]
    assert len(set(sections)) == len(sections)


def test_every_role_has_a_part() -> None:
    assert set(PART_OF) == set(get_args(Role))
    assert set(PART_OF.values()) | {"imports"} == set(PARTS)


def test_most_rows_of_a_plain_network_have_all_frameworks() -> None:
    """Also where one has a class and another a container, and where classes are in
    another order."""
    for name, least in (("residual_cnn", 0.9), ("squeezenet1_1", 0.9)):
        rows = [cells for part in beside(name).parts for cells in part.rows]
        assert sum(all(cells.lines.values()) for cells in rows) >= least * len(rows)
    (features,) = (
        part
        for part in beside("alexnet").parts
        if part.title.startswith("Features (fe") and part.part == "construction"
    )
    nodes = [cells for cells in features.rows if cells.path]
    assert len(nodes) == 13
    assert all(all(cells.lines.values()) for cells in nodes)
    (whole,) = (
        part
        for part in beside("alexnet").parts
        if part.title == "alexnet: construction"
    )
    texts = [line.text.strip() for cells in whole.rows for line in cells.lines["torch"]]
    at = texts.index("self.features = nn.Sequential(")
    assert texts[at + 1 : at + 3] == ["# … features: construction", ")"]


def test_sections_say_which_blocks_they_are_of() -> None:
    spec = zoo.resnet18(num_classes=3, input_shape=(3, 32, 32))
    side = side_by_side(write_shown(recipe_for(spec), BACKENDS))
    titles = [part.title for part in side.parts]
    assert titles == [
        "Imports",
        "BasicBlock (layer1.0, layer1.1, layer2.1 and 2 more): construction",
        "BasicBlock (layer1.0, layer1.1, layer2.1 and 2 more): forward pass",
        "DownBlock (layer2.0, layer3.0, layer4.0): construction",
        "DownBlock (layer2.0, layer3.0, layer4.0): forward pass",
        "resnet18: construction",
        "resnet18: forward pass",
        "Loss",
        "Optimizer",
        "Training step",
        "Helpers",
    ]


def test_helpers_are_folded_to_their_reasons() -> None:
    several = shown("residual_cnn")
    helpers = side_by_side(several).parts[-1]
    assert helpers.part == "helpers"
    (cells,) = helpers.rows
    assert cells.lines["torch"] == ()
    texts = [line.text for line in cells.lines["mxnet"]]
    assert texts[0].endswith("lines, which --full shows:")
    names = several[-1].program.helpers
    assert names is not None
    assert [text.split()[2].rstrip(":") for text in texts[1:]] == list(names.reasons)
    assert any("class BatchNorm" in line.text for line in full_helpers("mxnet"))


def full_helpers(backend: str) -> list[object]:
    rows = beside("residual_cnn").parts[-1].rows
    return [line for cells in rows for line in cells.lines[backend]]  # type: ignore[misc]


# --- notes -----------------------------------------------------------------------------


def test_notes_are_numbered_from_the_top_and_marked_in_their_lines() -> None:
    side = beside("residual_cnn")
    assert [note.number for note in side.notes] == list(range(1, len(side.notes) + 1))
    rows = [cells for part in side.parts for cells in part.rows]
    firsts = []
    for note in side.notes:
        assert set(note.texts) <= set(side.titles)
        firsts.append(min(min(at) for at in note.rows.values()))
        for backend in side.titles:
            marked = [
                i
                for i, cells in enumerate(rows)
                if any(note.number in line.marks for line in cells.lines[backend])
            ]
            assert marked == list(note.rows.get(backend, ()))
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(
    ("layers", "id", "there"),
    [
        ([pf.Conv2D(4, 3, padding=1)], "conv-same-padding", True),
        ([pf.Conv2D(4, 3)], "conv-same-padding", False),
        ([pf.Conv2D(6, 3, groups=3)], "conv-groups-cpu", True),
        ([pf.Conv2D(6, 3)], "conv-groups-cpu", False),
        ([pf.Conv2D(4, 1, stride=2)], "conv-1x1-strides-onednn", True),
        ([pf.Conv2D(16, 1), pf.Conv2D(4, 1, stride=2)], "conv-1x1-strides-onednn", False),
        ([pf.BatchNorm(), pf.Tanh()], "fused-batchnorm-tanh", True),
        ([pf.BatchNorm(), pf.ReLU()], "fused-batchnorm-tanh", False),
        ([pf.MaxPool2D(3, ceil_mode=True)], "pool-ceil-mode", True),
        ([pf.MaxPool2D(3)], "pool-ceil-mode", False),
        ([pf.MaxPool2D(3)], "maxpool-ties", False),
        ([pf.BatchNorm()], "batchnorm-float32-momentum", False),
        ([pf.Permute((3, 1, 2)), pf.BatchNorm()], "batchnorm-permuted-input", True),
        ([pf.BatchNorm()], "batchnorm-permuted-input", False),
        ([], "flatten-order", True),
    ],
)  # fmt: skip
def test_a_note_is_there_where_its_condition_holds(
    layers: list[pf.Layer], id: str, there: bool
) -> None:
    spec = chain(*layers, pf.Flatten(), pf.Dense(3))
    assert (id in noted(spec)) is there


def test_notes_of_losses_optimizers_and_settings() -> None:
    spec = chain(pf.Conv2D(4, 3), pf.Flatten(), pf.Dense(3))
    plain = noted(Recipe(spec, optimizer=pf.SGD(0.1)))
    more = noted(
        Recipe(
            spec,
            loss=pf.CrossEntropy(label_smoothing=0.1, ignore_index=2),
            optimizer=pf.SGD(0.1, momentum=0.9, weight_decay=0.1),
            clip_norm=1.0,
        )
    )
    new = {"loss-smoothing", "all-labels-ignored", "sgd-velocity", "weight-decay"}
    assert new | {"clipping"} <= set(more)
    assert not (new | {"clipping"}) & set(plain)
    assert "adam-epsilon" in noted(spec) and "adam-epsilon" not in plain
    assert "adam-epsilon" not in noted(spec, inference=True)


def test_what_the_shown_backends_do_alike_is_no_difference() -> None:
    spec = chain(pf.Conv2D(4, 3), pf.Flatten(), pf.Dense(3))
    layout = {d.id: d.backends for d in differences()}["conv-kernel-layout"]
    assert layout["torch"] == layout["mxnet"] != layout["tensorflow"]
    assert "conv-kernel-layout" not in noted(spec, "torch", "mxnet")
    assert "conv-kernel-layout" in noted(spec, "torch", "tensorflow")
    assert "conv-groups-cpu" not in noted(chain(pf.Conv2D(6, 3, groups=3)), "torch")


def test_a_note_marks_the_lines_that_do_it() -> None:
    """Padding in the forward pass of TensorFlow's, the order of Flatten there, too."""
    spec = chain(
        pf.Conv2D(4, 3, stride=2, padding=1, name="conv"), pf.Flatten(name="flat")
    )
    side = side_by_side(write_shown(recipe_for(spec), BACKENDS))
    numbers = {note.difference.id: note.number for note in side.notes}
    marked = {
        (backend, line.text.strip().partition("  #")[0])
        for part in side.parts
        for cells in part.rows
        for backend, lines in cells.lines.items()
        for line in lines
        if numbers["conv-same-padding"] in line.marks
    }
    pad = "x = self.conv(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]))"
    assert ("tensorflow", pad) in marked
    assert ("torch", "x = self.conv(x)") not in marked
    assert {backend for backend, _ in marked} == set(BACKENDS)


def test_a_note_is_on_the_line_that_its_difference_names() -> None:
    """Not on the first of several."""
    side = beside("residual_cnn")
    numbers = {note.difference.id: note.number for note in side.notes}
    marked = [
        line.text.strip()
        for part in side.parts
        for cells in part.rows
        for line in cells.lines["mxnet"]
        if numbers["batchnorm-update-in-backward"] in line.marks
    ]
    assert marked == ["statistics.update(len(outputs))"]
    source = annotated_program(shown("residual_cnn"))["mxnet"].source
    head, _, below = source.partition("\n    statistics.update(len(outputs))  # [")
    assert head.splitlines()[-1].startswith("    #     ") and below


def test_native_semantics_say_where_results_differ() -> None:
    side = beside("residual_cnn", "native")
    native = {note.difference.id: note.native for note in side.notes}
    assert native["batchnorm-epsilon"] and not native["conv-kernel-layout"]
    assert "BatchNorm.eps: PyTorch 1e-05, TensorFlow 0.001, MXNet Gluon 1e-05" in (
        side.defaults
    )
    aligned = beside("residual_cnn")
    assert not any(note.native for note in aligned.notes) and aligned.defaults == ()
    text = plain(side, 100)
    assert "Each framework does its own here, so that results differ." in text
    assert "layers.BatchNormalization()" in text


# --- annotated source ------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_annotated_source_has_the_notes_and_is_the_same_program(backend: str) -> None:
    several = shown("residual_cnn")
    program = annotated_program(several, full=True)[backend]
    (one,) = (one for one in several if one.name == backend)
    same = ast.dump(ast.parse(one.program.source))
    assert ast.dump(ast.parse(program.source)) == same  # comments are no code
    for note in beside("residual_cnn").notes:
        if backend in note.rows:
            head = f"# [{note.number}] {note.difference.title}"[:60]
            assert program.source.count(head) == 1, note.difference.id
    marked = next(x for x in program.source.splitlines() if "self.bn1 = " in x)
    assert re.search(r"  # layer1\.bn1( \[\d+\]){3,}$", marked)


# --- lines of text ---------------------------------------------------------------------


def plain(side: SideBySide, width: int) -> str:
    return "\n".join("".join(text for _, text in line) for line in listing(side, width))


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("name", ["residual_cnn", "alexnet"])
def test_lines_fit_and_nothing_is_lost(name: str, width: int) -> None:
    side = beside(name)
    lines = list(listing(side, width))
    assert {style for line in lines for style, _ in line} <= {"", *KINDS, *STYLES}
    texts = ["".join(text for _, text in line) for line in lines]
    notes = texts.index("What the frameworks do differently here")
    assert all(len(text) <= width for text in texts[: notes - 1] if " | " not in text)
    assert all(len(text.rstrip()) <= width for text in texts[:notes])
    words = "".join("".join(texts).split())
    for one in shown(name):
        if width < 200:  # else the columns are in turn
            for line in one.program.source.splitlines():
                code = "".join(line.partition("  # ")[0].split())
                assert code.startswith("#") or code in words, line


@pytest.mark.parametrize("width", [1, 10, 24])
def test_very_narrow_lines_come_to_an_end(width: int) -> None:
    comment = f"    # {'long' * 20} and more"
    lines = list(broken([("comment", comment)], width, 8))
    assert "".join(text for line in lines for _, text in line).count("l") >= 20
    assert len(lines) < 40


def test_wide_screens_have_columns_and_narrow_ones_sections() -> None:
    side = beside("residual_cnn")
    wide = plain(side, 200).splitlines()
    assert any(line.count("super().__init__()") == 2 for line in wide)
    row = next(line for line in wide if "self.relu = nn.ReLU()" in line)
    assert "layers.ReLU()" in row and 'nn.Activation("relu")' in row
    narrow = plain(side, 80)
    assert " | " not in narrow
    assert narrow.index("class BasicBlock(gluon") < narrow.index("class DownBlock(nn.")


def test_words_of_a_program_keep_its_text() -> None:
    text = 'def f(x):  # (N,)\n    """Doc\n\n    more"""\n    return x + 1.5\n\n'
    lines = highlight(text, "python")
    assert "\n".join("".join(t for _, t in line) for line in lines) == text
    assert ("comment", "# (N,)") in lines[0] and ("keyword", "def") in lines[0]
    assert lines[4][1:] == (("keyword", "return"), ("", " x + "), ("number", "1.5"))
    assert highlight("a b", "no such language") == [(("", "a b"),)]


# --- no framework ----------------------------------------------------------------------


def test_no_framework_is_imported() -> None:
    code = (
        "import sys; from polyframe.cli import cli; "
        "cli(['show', 'resnet18', '-b', 'torch', '-b', 'tensorflow', '-b', 'mxnet'], "
        "standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    modules = set(done.stderr.split())
    assert "polyframe.teach.side_by_side" in modules, done.stderr
    assert not {"torch", "tensorflow", "keras", "mxnet", "jinja2"} & modules
    assert "DownBlock (layer2.0, layer3.0, layer4.0): construction" in done.stdout

"""A network as a picture: layers as boxes, tensors as arrows with their shapes.

Graphviz decides where everything goes (``pygraphviz``, whose wheels bring it, so that no
program ``dot`` is needed), Matplotlib draws it. Sizes are in points from end to end, so a
text takes the room that was kept for it.
"""

from __future__ import annotations

import functools
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from polyframe.errors import PolyframeError
from polyframe.spec.graph import Block
from polyframe.spec.layers.base import Layer
from polyframe.spec.summary import shape_text
from polyframe.spec.typed import TypedGraph, TypedNode

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NODES = 1000
"""A picture of more would be laid out for minutes, and read by nobody."""
INCH = 72.0
"""Points."""
LARGE, SMALL, MARGIN = 10.0, 8.0, 8.0
"""Sizes of text, and the blanks around it, in points."""
FONT = "DejaVu Sans"
"""It comes with Matplotlib."""
AS_WIDE = f"'{FONT}', Verdana, sans-serif"
"""Fonts for a reader of an SVG who may not have it."""
INK, FAINT, PAPER = "#1f2328", "#59636e", "#ffffff"
COLOURS = {
    "input": "#ffffff",
    "convolution": "#cfe3f7",
    "dense": "#d8d3f3",
    "normalisation": "#e3f0d3",
    "activation": "#fbe3c8",
    "pooling": "#f6d5d5",
    "merge": "#d2eee9",
    "shape": "#eceef0",
    "random": "#f5dcef",
    "block": "#fff6cc",
    "other": "#e4e4e4",
}
KINDS = {
    "activation": "activation",
    "adaptive": "pooling",
    "batch_norm": "normalisation",
    "conv": "convolution",
    "dense": "dense",
    "merge": "merge",
    "noise": "random",
    "norm": "normalisation",
    "pool": "pooling",
    "resize": "shape",
    "separable": "convolution",
    "shape": "shape",
    "softmax": "activation",
    "transposed": "convolution",
}
"""The file of a layer's class → the kind that gives its colour; plug-ins are "other"."""
Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[Format, ...] = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Box:
    """A box of the picture: what it says, the first line in larger type, and its kind."""

    lines: tuple[str, ...]
    kind: str


class Arrow(NamedTuple):
    """A tensor from one box to another, and its shape."""

    source: str
    target: str
    text: str


@dataclass(frozen=True)
class Network:
    """What is drawn: boxes and frames (of opened blocks) by path, and arrows."""

    boxes: Mapping[str, Box]
    arrows: Sequence[Arrow]
    frames: Mapping[str, str]


def figure(graph: TypedGraph, depth: int | None = 1) -> Figure:
    """The network as a Matplotlib figure.

    ``depth``: how many levels of blocks are shown; at 1, the default, each block is one
    box, at 2 the blocks of the top are opened, and None opens all. PolyframeError where
    Matplotlib or pygraphviz is not installed, or for more than ``MOST_NODES`` boxes.
    """
    try:
        import pygraphviz  # noqa: F401 - asked for here, for one error
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from polyframe.io.figure import NotebookFigure
    except ImportError:
        raise PolyframeError(
            "drawing a network needs Matplotlib and pygraphviz",
            hint='pip install "polyframe[teach]"',
        ) from None
    network = network_of(graph, depth)
    plan = laid_out(network)
    left, bottom, right, top = numbers(plan["bb"])
    size = (right - left + 2 * MARGIN, top - bottom + 2 * MARGIN)
    made = NotebookFigure(figsize=(size[0] / INCH, size[1] / INCH), facecolor=PAPER)
    FigureCanvasAgg(made)
    axes = made.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(left - MARGIN, right + MARGIN)
    axes.set_ylim(bottom - MARGIN, top + MARGIN)
    draw_all(axes, network, plan)
    return made


def draw(graph: TypedGraph, depth: int | None = 1) -> str:
    """``figure`` as the text of an SVG; equal for equal networks."""
    return image(figure(graph, depth), "svg").decode()


def image(made: Figure, form: Format) -> bytes:
    """A figure as the content of a file; no date is in it."""
    from matplotlib import rc_context

    file = io.BytesIO()
    # Text stays text in an SVG, so that it can be searched and read aloud.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "polyframe"}):
        made.savefig(
            file,
            format=form,
            dpi=144,
            metadata={"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[
                form
            ],
        )
    content = file.getvalue()
    if form == "svg":
        content = content.replace(f"'{FONT}'".encode(), AS_WIDE.encode())
    return content


def format_of(path: str) -> Format:
    """The format that a file's name asks for; PolyframeError for another one."""
    for form in FORMATS:
        if path.lower().endswith(f".{form}"):
            return form
    raise PolyframeError("the name of a picture ends in .svg, .png or .pdf", where=path)


# --- what is drawn ---------------------------------------------------------------------


def network_of(graph: TypedGraph, depth: int | None) -> Network:
    """Boxes, arrows and frames; PolyframeError if there are too many boxes."""
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    frames: dict[str, str] = {}

    def add(inner: TypedGraph, prefix: str, known: dict[str, str], level: int) -> str:
        """Add a graph's nodes, given the box of each of its inputs; the box of its first
        output."""
        known = dict(known)
        for node in inner.nodes:
            path = prefix + node.name
            if node.body is None or (depth is not None and level >= depth):
                boxes[path] = box_of(node, path)
                for source, shape in zip(node.inputs, node.in_shapes, strict=True):
                    arrows.append(Arrow(known[source], path, shape_text(shape)))
                known[node.name] = path
            else:
                frames[path] = f"{path}: {node.body.name}"
                given = zip((n for n, _ in node.body.inputs), node.inputs, strict=True)
                sources = {name: known[source] for name, source in given}
                known[node.name] = add(node.body, f"{path}.", sources, level + 1)
            if len(boxes) > MOST_NODES:
                raise PolyframeError(
                    f"{graph.name} would be drawn with more than {MOST_NODES} boxes",
                    where="depth" if depth != 1 else None,
                    hint="depth 1 folds every block into one box"
                    if depth != 1
                    else "put layers into blocks",
                )
        outputs.update({name: known[name] for name in inner.outputs if not prefix})
        return known[inner.outputs[0]]

    outputs: dict[str, str] = {}
    inputs = {name: f" {name}" for name, _ in graph.inputs}  # no path has a blank
    boxes |= {path: Box((name, "Input"), "input") for name, path in inputs.items()}
    add(graph, "", inputs, 1)
    for name, shape in zip(graph.outputs, graph.output_shapes, strict=True):
        lines = (name, "Output") if len(graph.outputs) > 1 else ("Output",)
        boxes[f"  {name}"] = Box(lines, "input")
        arrows.append(Arrow(outputs[name], f"  {name}", shape_text(shape)))
    return Network(boxes, arrows, frames)


def box_of(node: TypedNode, path: str) -> Box:
    """What a node's box says: name, type, parameters."""
    word = node.layer.kind if isinstance(node.layer, Block) else node.layer.type
    count = parameters_in(node)
    lines = [path, word]
    if node.shared:
        lines.append(f"weights of {node.owner}")
    elif count:
        lines.append(f"{count:,} parameters")
    return Box(tuple(lines), kind_of(node.layer))


def parameters_in(node: TypedNode) -> int:
    """How many trainable numbers a node holds, with all that is in a block."""
    if node.body is not None:
        return node.body.num_parameters
    return sum(math.prod(p.shape) for p in node.parameters.values() if p.trainable)


def kind_of(layer: Layer) -> str:
    """The kind that gives a layer its colour."""
    if isinstance(layer, Block):
        return "block"
    room, _, file = type(layer).__module__.rpartition(".")
    return KINDS.get(file, "other") if room == "polyframe.spec.layers" else "other"


# --- where it goes ---------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """How wide a text is, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=FONT)
    path = TextPath((0, 0), text, size=size, prop=font, usetex=False)
    return float(path.get_extents().width) if text.strip() else 0.0


def size_of(box: Box) -> tuple[float, float]:
    """Width and height of a box, in points."""
    sizes = [LARGE] + [SMALL] * (len(box.lines) - 1)
    widths = map(width_of, box.lines, sizes)
    return max(widths) + 2 * MARGIN, 1.35 * sum(sizes) + MARGIN


def room_for(text: str) -> str:
    """An empty table as large as a text: Graphviz keeps room for it and looks for no
    fonts, about which it would talk on standard error."""
    size = f'FIXEDSIZE="TRUE" WIDTH="{width_of(text, SMALL) + 6:.0f}" HEIGHT="12"'
    plain = 'BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0"'
    return f"<<TABLE {plain} {size}><TR><TD {size}></TD></TR></TABLE>>"


def laid_out(network: Network) -> dict[str, object]:
    """Graphviz's answer (the format json0): the places of boxes, frames and arrows."""
    import pygraphviz

    graph = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(rankdir="TB", ranksep="0.22", nodesep="0.25")
    graph.node_attr.update(shape="box", fixedsize="true", label="")
    names = {path: f"n{i}" for i, path in enumerate(network.boxes)}
    for path, box in network.boxes.items():
        width, height = size_of(box)
        graph.add_node(
            names[path], width=f"{width / INCH:.4f}", height=f"{height / INCH:.4f}"
        )
    for i, arrow in enumerate(network.arrows):
        graph.add_edge(
            names[arrow.source], names[arrow.target], key=f"e{i}",
            id=f"e{i}", label=room_for(arrow.text),
        )  # fmt: skip
    opened = {"": graph}
    for i, (path, title) in enumerate(network.frames.items()):
        inside = [names[p] for p in network.boxes if p.startswith(f"{path}.")]
        above = next(p for p in prefixes(path) if p in opened)
        opened[path] = opened[above].add_subgraph(
            inside, name=f"cluster_{i}", label=room_for(title), labeljust="l"
        )
    plan: dict[str, object] = json.loads(graph.draw(format="json0", prog="dot"))
    graph.close()
    return plan


def prefixes(path: str) -> Iterator[str]:
    """The paths of the blocks around a path, the nearest first, and last ""."""
    while path:
        path = path.rpartition(".")[0]
        yield path


def numbers(text: object) -> list[float]:
    """The numbers of a text, with commas between."""
    return [float(part) for part in str(text).split(",")]


# --- drawing ---------------------------------------------------------------------------


def draw_all(axes: Axes, network: Network, plan: Mapping[str, object]) -> None:
    """Draw frames, then arrows, then boxes, where the plan puts them."""
    found = plan["objects"]
    assert isinstance(found, list)
    frames, boxes = list(network.frames.values()), list(network.boxes.values())
    for each in found:
        if each["name"].startswith("cluster_"):
            draw_frame(axes, each)
    edges = plan.get("edges", [])
    assert isinstance(edges, list)
    for each in edges:
        draw_arrow(axes, network.arrows[int(each["id"][1:])], each)
    for each in found:
        if each["name"].startswith("cluster_"):
            title = frames[int(each["name"][8:])]
            draw_text(axes, each["lp"], title, SMALL, FAINT, COLOURS["block"])
        else:
            draw_box(axes, boxes[int(each["name"][1:])], each["pos"])


def draw_text(
    axes: Axes,
    at: str,
    text: str,
    size: float,
    colour: str = INK,
    ground: str | None = None,
) -> None:
    """Text around a point, on a ground of its own where one is given."""
    box = (
        None if ground is None else {"facecolor": ground, "edgecolor": "none", "pad": 1}
    )
    x, y = numbers(at)
    axes.text(
        x, y, text, size=size, color=colour, ha="center", va="center",
        family=FONT, parse_math=False, bbox=box,
    )  # fmt: skip


def draw_box(axes: Axes, box: Box, at: str) -> None:
    """A box around its centre."""
    from matplotlib.patches import FancyBboxPatch

    (x, y), (width, height) = numbers(at), size_of(box)
    radius = min(height, width) / 2 if box.kind == "input" else 4
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height,
            boxstyle=f"round,pad=0,rounding_size={radius}",
            facecolor=COLOURS[box.kind], edgecolor=INK, linewidth=0.8,
        )
    )  # fmt: skip
    top = y + height / 2 - MARGIN / 2
    for i, line in enumerate(box.lines):
        size = SMALL if i else LARGE
        top -= 1.35 * size
        draw_text(axes, f"{x},{top + 0.675 * size}", line, size, FAINT if i else INK)


def draw_frame(axes: Axes, placed: Mapping[str, object]) -> None:
    """The frame around an opened block."""
    from matplotlib.patches import Rectangle

    left, bottom, right, top = numbers(placed["bb"])
    axes.add_patch(
        Rectangle(
            (left, bottom), right - left, top - bottom,
            facecolor=COLOURS["block"], alpha=0.35, edgecolor=FAINT, linewidth=0.8,
        )
    )  # fmt: skip


def draw_arrow(axes: Axes, arrow: Arrow, placed: Mapping[str, object]) -> None:
    """An arrow along Graphviz's spline, and its text."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    end, *points = str(placed["pos"]).removeprefix("e,").split()
    spline = [numbers(point) for point in points]
    # Cubic Bézier curves up to the head, then a straight line through it.
    vertices = [*spline, numbers(end)]
    codes = [Path.MOVETO, *[Path.CURVE4] * (len(spline) - 1), Path.LINETO]
    axes.add_patch(
        FancyArrowPatch(
            path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=8,
            color=FAINT, linewidth=0.9, shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
    draw_text(axes, str(placed["lp"]), arrow.text, SMALL, FAINT)

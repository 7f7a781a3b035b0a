"""What PyTorch's programs say for merge layers."""

from __future__ import annotations

from polyframe.compiler.python.code import Code, entry
from polyframe.compiler.table import Entry, View


def joined(view: View, sign: str) -> Code:
    """All inputs with an operator between them."""
    return Code(sign.join(f"{{{i}}}" for i in range(len(view.node.in_shapes))))


def average(view: View) -> Code:
    same = len(set(view.node.in_shapes)) == 1
    parts = "({all})" if same else "torch.broadcast_tensors({all})"
    return Code(f"torch.stack({parts}).mean(dim=0)")


def reduce(name: str) -> Entry:
    """A reduction over some axes."""

    def write(view: View) -> Code:
        axes, keep = view.layer.axes, ", keepdim=True" if view.layer.keepdims else ""
        return Code(f"{{0}}.{name}(dim={axes[0] if len(axes) == 1 else axes}{keep})")

    return entry(write)


TABLE: dict[str, Entry] = {
    "Add": entry(Code("{sum}")),
    "Average": entry(average),
    "Concat": entry(lambda v: Code(f"torch.cat(({{all}}), dim={v.layer.axis})")),
    # torch.maximum splits the gradient between equal values.
    "Maximum": entry(Code("maximum({all})", snippets=("maximum",))),
    "Multiply": entry(lambda v: joined(v, " * ")),
    "ReduceMean": reduce("mean"),
    "ReduceSum": reduce("sum"),
    "Subtract": entry(Code("{0} - {1}")),
}

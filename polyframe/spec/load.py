"""Reading specs: from files, text, plain data, or by the name of a shipped model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from polyframe.errors import SpecError, brief, did_you_mean, listed
from polyframe.io.text import read_text
from polyframe.spec import shipped
from polyframe.spec.element import check_name
from polyframe.spec.fields import Float, Int, Kind
from polyframe.spec.graph import check_shape
from polyframe.spec.model import ModelSpec
from polyframe.spec.text import MODEL_KEYS, VERSION, at, graph_from, mapping, parse_text

ARGUMENTS: dict[str, Kind[Any] | None] = {
    "num_classes": Int(),
    "input_shape": None,  # check_shape
    "width": Float(0, above=True),
}
"""What text may say of a shipped model."""


def load_spec(source: ModelSpec | Mapping[str, Any] | str | Path) -> ModelSpec:
    """A spec from a file, a shipped name, or text.

    A ``Path``, or one line ending in .yaml, .yml or .json, is a file; a shipped model's
    name resolves, and ``{"type": name, "num_classes": 3, …}`` is one with arguments; all
    else is YAML or JSON text. A spec is returned as it is.
    """
    if isinstance(source, ModelSpec):
        return source
    if isinstance(source, Mapping):
        return from_data(source)
    if not isinstance(source, (str, Path)):
        raise SpecError(f"got {brief(source)}; a path, a name or text is needed")
    if isinstance(source, Path) or is_file_name(source):
        data = read_data(Path(source))
        with at(str(source)):
            return from_data(data, None)
    if source in shipped.names("model") or ("\n" not in source and ":" not in source):
        return shipped_model(source)
    return from_data(parse_text(source, "spec"))


def is_file_name(text: str) -> bool:
    """Whether a string names a file rather than being text."""
    return "\n" not in text and text.lower().endswith((".yaml", ".yml", ".json"))


def read_data(path: Path) -> Any:
    """The plain data in a YAML or JSON file."""
    return parse_text(read_text(path), str(path), path.suffix.lower() == ".json")


def shipped_model(name: object, **arguments: object) -> ModelSpec:
    """The shipped model of a name, with these arguments."""
    known = shipped.names("model")
    if name not in known:
        raise SpecError(
            f"there is no shipped model {brief(name)}.{did_you_mean(str(name), known)}",
            hint=f"shipped: {listed(known, name)}; a file ends in .yaml or .json",
        )
    return cast(ModelSpec, shipped.find("model", str(name), **arguments))


def from_arguments(data: object, where: str | None) -> ModelSpec:
    """A shipped model from ``{type: resnet18, num_classes: 3, …}``."""
    data = mapping(data, where, ("type", *ARGUMENTS))
    arguments = {key: value for key, value in data.items() if key != "type"}
    for key, kind in ARGUMENTS.items():
        if kind is not None and key in arguments:
            try:
                kind.check(arguments[key])
            except ValueError:
                message = f"{key} is {brief(arguments[key])}; {kind.allowed} is needed"
                raise SpecError(message, where=where) from None
    if "input_shape" in arguments:
        arguments["input_shape"] = check_shape(arguments["input_shape"])
    return shipped_model(data["type"], **arguments)


def from_data(data: object, where: str | None = "spec") -> ModelSpec:
    """A spec from plain data; every error says where in it."""
    if isinstance(data, Mapping) and "type" in data:
        return from_arguments(data, where)
    if isinstance(data, Mapping):
        for key in ARGUMENTS.keys() & data.keys():
            raise SpecError(
                f"{key} is an argument of shipped models",
                where=where,
                hint=f"{{type: resnet18, {key}: …}} is one; of others the layers decide",
            )
    data = mapping(data, where, MODEL_KEYS, needed=("inputs", "layers"))
    version = data.get("polyframe", VERSION)
    if version != VERSION:
        raise SpecError(
            f"format {brief(version)} is not known; this is polyframe format {VERSION}",
            where=where,
        )
    if not isinstance(data["inputs"], Mapping) or not data["inputs"]:
        raise SpecError(
            f"inputs is {brief(data['inputs'])}; {{name: [channels, height, width]}} "
            "is needed",
            where=where,
        )
    inputs = tuple(
        (check_name(name, "input name"), check_shape(shape, str(name)))
        for name, shape in data["inputs"].items()
    )
    return ModelSpec(graph_from(data, inputs, where), name=data.get("name", "model"))

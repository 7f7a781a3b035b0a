"""Reading specs: from files, text, plain data, or by the name of a shipped model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from polyframe.errors import SpecError, brief, did_you_mean
from polyframe.io.text import read_text
from polyframe.spec import shipped
from polyframe.spec.element import check_name
from polyframe.spec.graph import check_shape
from polyframe.spec.model import ModelSpec
from polyframe.spec.text import MODEL_KEYS, VERSION, at, graph_from, mapping, parse_text


def load_spec(source: ModelSpec | Mapping[str, Any] | str | Path) -> ModelSpec:
    """A spec from a file, a shipped name, or text.

    A ``Path``, or one line ending in .yaml, .yml or .json, is a file; a shipped model's
    name resolves; all else is YAML or JSON text. A spec is returned as it is.
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
    known = shipped.names("model")
    if source in known:
        return cast(ModelSpec, shipped.find("model", source))
    if "\n" not in source and ":" not in source:
        raise SpecError(
            f"there is no shipped model {brief(source)}.{did_you_mean(source, known)}",
            hint=f"shipped: {', '.join(known)}; a file ends in .yaml or .json",
        )
    return from_data(parse_text(source, "spec"))


def is_file_name(text: str) -> bool:
    """Whether a string names a file rather than being text."""
    return "\n" not in text and text.lower().endswith((".yaml", ".yml", ".json"))


def read_data(path: Path) -> Any:
    """The plain data in a YAML or JSON file."""
    return parse_text(read_text(path), str(path), path.suffix.lower() == ".json")


def from_data(data: object, where: str | None = "spec") -> ModelSpec:
    """A spec from plain data; every error says where in it."""
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

"""YAML and JSON as data from strangers: bounded, alias-free, and without duplicates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from polyframe.errors import SpecError

LONGEST = 16 * 2**20
"""The most characters that a text may have."""
DEEPEST = 100
"""How deep a text may nest."""


def read_text(path: Path, longest: int = LONGEST) -> str:
    """A text file, with one clear error when it cannot be read."""
    try:
        if path.is_file() and path.stat().st_size > longest:
            raise SpecError(f"is larger than {longest} bytes", where=str(path))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError("there is no such file", where=str(path)) from None
    except UnicodeDecodeError:
        raise SpecError("is not UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise SpecError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except ValueError:
        raise SpecError("is not a path", where=repr(str(path))) from None


def parse_json(text: str, where: str) -> Any:
    """Plain data from JSON text."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in pairs:
            if key in mapping:
                raise SpecError(f"key {key!r} is given twice", where=where)
            mapping[key] = value
        return mapping

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise SpecError("nests too deep", where=where) from None
    except ValueError as error:
        raise SpecError(f"is not JSON: {error}", where=where) from None


def parse_yaml(text: str, where: str) -> Any:
    """Plain data from YAML text (JSON is YAML)."""
    import yaml

    if len(text) > LONGEST:
        raise SpecError(f"is longer than {LONGEST} characters", where=where)
    try:
        check_events(text, where)
        return yaml.load(text, Loader=_loader(where))  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SpecError(f"is not YAML:{line} {problem}", where=where) from None
    except RecursionError:
        raise SpecError("nests too deep", where=where) from None
    except ValueError as error:
        # A date or number that YAML's own rules cannot convert.
        raise SpecError(f"has a value that is not YAML: {error}", where=where) from None


def check_events(text: str, where: str) -> None:
    """Bound the nesting and refuse aliases before anything is built."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=_base()):
        if isinstance(event, yaml.AliasEvent):
            raise SpecError(
                f"uses an alias (*{event.anchor}); write the value out",
                where=where,
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise SpecError(f"nests more than {DEEPEST} deep", where=where)


def _base() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _loader(where: str) -> Any:
    """A safe loader that refuses duplicate keys and reads 1e-3 as a number."""
    import re

    import yaml

    class Loader(_base()):  # type: ignore[misc]
        def construct_mapping(
            self, node: yaml.MappingNode, deep: bool = False
        ) -> dict[Any, Any]:
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, (str, int, float)):
                    raise SpecError(
                        f"line {key_node.start_mark.line + 1}: a key is not a plain word",
                        where=where,
                    )
                if key in seen:
                    raise SpecError(
                        f"line {key_node.start_mark.line + 1}: key {key!r} is given "
                        "twice",
                        where=where,
                    )
                seen.add(key)
            mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            return mapping

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return Loader


class _Flow(dict[str, Any]):
    """A mapping that is written on one line."""


def dump(data: object) -> str:
    """Plain data as YAML; innermost mappings stand on one line."""
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    Dumper.add_representer(
        _Flow,
        lambda dumper, value: dumper.represent_mapping(
            "tag:yaml.org,2002:map", value.items(), flow_style=True
        ),
    )
    Dumper.add_representer(
        list,
        lambda dumper, value: dumper.represent_sequence(
            "tag:yaml.org,2002:seq", value, flow_style=not _nests(value)
        ),
    )
    text: str = yaml.dump(
        _compact(data), Dumper=Dumper, sort_keys=False, width=100, allow_unicode=True
    )
    return text


def _nests(value: dict[str, object] | list[object]) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(item, dict) for item in items)


def _compact(data: object) -> object:
    """Mappings that hold no list of mappings are marked to stand on one line."""
    if isinstance(data, list):
        return [_compact(item) for item in data]
    if not isinstance(data, dict):
        return data
    items = {key: _compact(value) for key, value in data.items()}
    deep = any(isinstance(value, list) and _nests(value) for value in data.values())
    return items if deep or "polyframe" in data else _Flow(items)

"""Reading PyTorch's files of weights, without executing anything in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from polyframe.errors import WeightsError, brief
from polyframe.io.array import Array

SAFE_SINCE = (2, 6)
"""Older versions could be made to execute code even by ``weights_only``
(CVE-2025-32434)."""
NESTED = ("state_dict", "model_state_dict", "model")
"""Where a checkpoint holds the ``state_dict``."""
SAVE = "where it was made: torch.save(model.state_dict(), file)"


def read_state_dict(path: Path) -> dict[str, Array]:
    """The arrays of a ``state_dict``, which may lie under one of ``NESTED``."""
    where = str(path)
    version = re.match(r"(\d+)\.(\d+)", torch.__version__)
    if version is None or tuple(map(int, version.groups())) < SAFE_SINCE:
        raise WeightsError(
            f"PyTorch {torch.__version__} does not read files of strangers safely",
            where=where,
            hint="install 2.6 or newer, or convert the file to safetensors",
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise unreadable(error, where) from None
    return {str(n): to_array(t) for n, t in state_dict(content, where).items()}


def unreadable(error: Exception, where: str) -> WeightsError:
    """The error for a file that PyTorch refuses. Its own text advises to execute it."""
    refused = re.search(r"Unsupported (?:global: GLOBAL|class) (\S+)", str(error))
    if refused:
        return WeightsError(
            f"holds more than weights ({refused[1]}), which is not executed",
            where=where,
            hint=f"save the weights alone {SAVE}",
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:80]
    return WeightsError(
        f"is not a whole PyTorch file: {reason}", where=where, hint="cut off?"
    )


def state_dict(content: object, where: str) -> Mapping[str, torch.Tensor]:
    """The mapping of names to tensors in what a file holds."""
    mapping: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
    for candidate in (mapping, *(mapping.get(key) for key in NESTED)):
        if isinstance(candidate, Mapping) and is_state_dict(candidate):
            return candidate
    keys = ", ".join(brief(key) for key in list(mapping)[:8])
    raise WeightsError(
        f"holds no state_dict, neither by itself nor under {', '.join(NESTED)}; it "
        f"holds {keys or type(content).__name__}",
        where=where,
        hint=f"save the weights alone {SAVE}",
    )


def is_state_dict(mapping: Mapping[Any, Any]) -> bool:
    """Whether it holds tensors, and nothing else."""
    values = mapping.values()
    return bool(values) and all(isinstance(value, torch.Tensor) for value in values)


def to_array(tensor: torch.Tensor) -> Array:
    """A tensor's numbers; types that NumPy does not have (bfloat16) become float32."""
    if tensor.is_floating_point() and tensor.dtype not in KNOWN:
        tensor = tensor.float()
    array: Array = tensor.detach().cpu().numpy()
    return array


KNOWN = (torch.float16, torch.float32, torch.float64)

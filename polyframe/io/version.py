"""The version of polyframe, as files and ``--version`` say it."""

__version__ = "0.1.0"


def newer(version: str, other: str) -> bool:
    """Whether a version ("0.2", "0.1.3") comes after another; 0.1 is 0.1.0."""
    return _numbers(version) > _numbers(other)


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers

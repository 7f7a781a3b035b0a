"""The process of one contestant, seen from the process that asks."""

from __future__ import annotations

from typing import Any

from polyframe.bench.entrants import Entrant
from polyframe.bench.ratios import Ratio, paired_ratio
from polyframe.bench.settings import Settings
from polyframe.plugins import loaded_files
from polyframe.workers.child import THREADS
from polyframe.workers.process import Worker


class Contestant(Worker):
    """A process that waits for its turns; a context manager that ends it."""

    def __init__(self, settings: Settings, entrant: Entrant) -> None:
        self.entrant = entrant
        hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if settings.device == "cpu" else {}
        threads = dict.fromkeys(THREADS, str(settings.threads))
        variables = {**threads, **hidden, **entrant.env}
        super().__init__("polyframe.bench.worker", entrant.name, variables)
        opened = self.ask(
            {
                "plugins": loaded_files(),
                "settings": settings.to_data(),
                "entrant": entrant.to_data(),
            }
        )
        self.facts: dict[str, Any] = opened["facts"]
        self.start: dict[str, float] = opened["start"]
        self.ops: list[str] = opened["ops"]

    def run(self, op: str, count: int) -> float:
        """Seconds for one run, the mean of ``count``."""
        return float(self.ask({"do": "run", "op": op, "count": count})["seconds"])

    def loop(self, count: int) -> Ratio:
        """How many times as long ``fit`` takes as the bare program, in one process."""
        turns = self.ask({"do": "loop", "count": count})
        return paired_ratio(turns["fit"], turns["bare"])

    def phases(self, count: int) -> dict[str, Any]:
        """The seconds for each phase of a step, and the peak memory so far."""
        return self.ask({"do": "phases", "count": count})

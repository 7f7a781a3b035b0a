"""What a backend may be able to do: one list, as data.

A backend states its own in ``Backend.abilities``. Commands ask for them before anything
is opened: ``registry.require(backend, "train")``.
"""

from __future__ import annotations

from collections.abc import Mapping

ABILITIES: Mapping[str, str] = {
    "infer": "run models",
    "train": "train",
    "float64": "compute in float64",
    "bfloat16": "compute in bfloat16",
    "float16": "compute in float16",
    "gpu": "use a GPU",
    "native_semantics": "write the framework's own semantics",
    "eject": "eject scripts",
    "frozen_statistics": "keep the running statistics of frozen batch norms",
    "parameter_groups": "multiply the learning rate or the weight decay of some layers",
    "phases": "time the phases of a step",
    "processes": "train in several processes",
}
"""Ability → what a backend without it cannot do, as an error says it.

- ``infer``: programs for inference in float32 on the CPU. Every backend has it.
- ``train``: programs with a step, and sessions that train.
- ``float64``, ``bfloat16``, ``float16``: the dtypes beside float32. The last two are
  precisions of the passes; which device has which, the writer says.
- ``native_semantics``: every ``semantics`` but "aligned".
- ``eject``: ``snippets/eject.py`` lies beside the backend and, where it has the ability
  ``native_semantics``, ``snippets/eject_native.py``. They have functions for scripts:
  ``build``, ``tensor``, ``step``, ``predict``; ``weights_of`` and ``load_weights``,
  ``state_of`` and ``restore_state``; ``averages`` and ``set_averages``; ``seed`` and
  ``set_rate``. ``polyframe.eject.lines`` says how they are filled.
- ``frozen_statistics``: its entries for layers with running statistics look at
  ``view.node.fixed``.
- ``parameter_groups``: its step writer applies ``StepWriter.factors``.
- ``phases``: its training sessions are ``PhasedSession``.
- ``processes``: training in several processes on the framework's own engine.
"""


def unknown(abilities: frozenset[str]) -> list[str]:
    """Names that are not in the list, sorted."""
    return sorted(abilities - ABILITIES.keys())

"""What a training keeps when some of its layers are unfrozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from polyframe.contract.session import SCALING, TrainingSession
from polyframe.io.array import Array


def continued(
    state: Mapping[str, Array], session: TrainingSession, kept: Sequence[str]
) -> dict[str, Array]:
    """The state of a new session, with what goes on from an old one's ``state``: the
    arrays that settings keep (EMA), and the scale of the loss."""
    stays = {key for key in state if key.rpartition("/")[2] in kept}
    stays |= set(SCALING[:2]) & state.keys()
    return {**session.training_state(), **{key: state[key] for key in stays}}

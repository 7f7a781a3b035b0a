"""A model's weights and the state of its optimizer: read, and loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from polyframe.contract.weight_files import read_weights
from polyframe.io.array import Array
from polyframe.io.fitting import LoadReport
from polyframe.io.state_dicts import canonical_names
from polyframe.model.attributes import Attributes
from polyframe.model.engine import Engine
from polyframe.spec.fields import Int, checked
from polyframe.train import model_file

COUNT = Int(0, 2**53)


class WeightsAndState(Attributes):
    """The part of ``Model`` that holds weights."""

    engine: Engine

    def weights(self) -> dict[str, Array]:
        """All weights and running statistics by canonical name, in canonical layouts;
        copies."""
        return self.engine.weights()

    def inference_weights(self) -> dict[str, Array]:
        """The weights that prediction uses: with ``ema``, the EMA of the weights."""
        return self.engine.inference_weights()

    def load_weights(
        self,
        source: Mapping[str, Array] | str | Path,
        strict: bool = True,
        rename: Mapping[str, str] | None = None,
    ) -> LoadReport:
        """Load weights, and return a report of what was taken. An EMA (``ema``) starts at
        them.

        - ``source``: a mapping of names to arrays, or a file: .safetensors, .npz, or a
          PyTorch ``state_dict`` (.pth, .pt, .bin, .ckpt; PyTorch has to be installed, and
          nothing in the file is executed). Arrays of any floating-point type are converted
          to the model's. Counters (``num_batches_tracked``) are left out.
        - ``strict``: all weights of the model, in their shapes, and nothing else. False
          loads those that fit by name and shape, and leaves the others as they are.
        - ``rename``: beginning of a name → what replaces it, as ``{"module.": ""}``; in
          both, ``*`` stands for any text. See docs/weights.md.

        ``WeightsError`` lists every entry that is missing, unknown or of a wrong shape or
        type; without ``strict``, it says so where nothing fits. Then nothing is loaded.
        """
        if isinstance(source, (str, Path)):
            where, arrays = str(source), read_weights(source)
            report = self._load(arrays, where, strict, rename)
            model_file.warn_of_preprocessing(source, self.engine.preprocessing)
            return report
        return self._load(source, "weights", strict, rename)

    def _load(
        self,
        arrays: Mapping[str, Array],
        where: str,
        strict: bool,
        rename: Mapping[str, str] | None,
    ) -> LoadReport:
        """Load arrays under their canonical names."""
        if isinstance(arrays, Mapping):
            arrays = canonical_names(
                arrays, self.engine.graph.parameters, rename, where
            )
        return self.engine.load_weights(arrays, where, strict)

    def training_state(self) -> dict[str, Array]:
        """The optimizer's arrays by ``<parameter>/<state>``, with PyTorch's names
        (``exp_avg``, ``momentum_buffer``) and meaning; with ``ema`` also
        ``<parameter>/average``. Copies."""
        return self.engine.session.training_state()

    def load_training_state(
        self, state: Mapping[str, Array], step: int, epoch: int
    ) -> None:
        """Continue from the state that this or another backend had after that step and
        epoch."""
        step, epoch = checked("step", COUNT, step), checked("epoch", COUNT, epoch)
        self.engine.load_training_state(state, step, epoch)

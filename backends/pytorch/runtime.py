"""Running PyTorch programs: devices, arrays, weights, the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from polyframe.backend import Session
from polyframe.compiler.devices import pick, threads
from polyframe.compiler.modules import load
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda:i``."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = pick(device, gpus, "PyTorch")
    return "cpu" if index is None else f"cuda:{index}"


class TorchSession(Session):
    """A PyTorch program on one device."""

    def __init__(self, program: Program, target: Target, device: str) -> None:
        torch.set_num_threads(threads())
        if device != "cpu" and target.semantics == "aligned":
            # TF32 rounds inputs to 10 bits: not what aligned float32 means.
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
        self.program, self.device = program, device
        self.module = load(program)
        self.dtype = getattr(torch, target.dtype)
        self.native = getattr(self.module, program.entry)()
        self.native.to(device=device, dtype=self.dtype)
        make_optimizer = getattr(self.module, "make_optimizer", None)
        self.optimizer = make_optimizer(self.native) if make_optimizer else None
        self.several = _count_inputs(self.native) > 1

    def tensors(self, arrays: Sequence[np.ndarray]) -> list[torch.Tensor]:
        tensors = []
        for array in arrays:
            tensor = torch.from_numpy(array)
            dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
            tensors.append(tensor.to(device=self.device, dtype=dtype))
        return tensors

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        slots = self.program.weights
        native = self.native.state_dict(keep_vars=True)
        with torch.no_grad():
            for name, value in weights.items():
                array = slots[name].to_native(value)
                native[slots[name].path].copy_(torch.from_numpy(array))

    def weights(self) -> dict[str, np.ndarray]:
        state = self.native.state_dict()
        return {
            name: state[slot.path].detach().cpu().numpy().copy()
            for name, slot in self.program.weights.items()
        }

    def forward(
        self,
        inputs: Sequence[np.ndarray],
        draws: Sequence[np.ndarray] = (),
        training: bool = False,
    ) -> list[np.ndarray]:
        self.native.train(training)
        extra = [self.tensors(draws)] if self.program.draws else []
        with torch.inference_mode():
            outputs = self.native(*self.tensors(inputs), *extra)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [self.read(output) for output in outputs]

    def loss_and_gradients(
        self,
        inputs: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        draws: Sequence[np.ndarray],
        count: int,
    ) -> tuple[Any, Any, dict[str, np.ndarray]]:
        self.native.train()
        self.native.zero_grad()
        loss, outputs = self.module.loss_and_gradients(
            self.native, *self.stage(inputs, targets, draws, count)
        )
        native = dict(self.native.named_parameters())
        gradients = {}
        for name, slot in self.program.weights.items():
            if slot.path in native:
                parameter = native[slot.path]
                gradient = parameter.grad
                if gradient is None:
                    gradient = torch.zeros_like(parameter)
                gradients[name] = gradient.detach().cpu().numpy().copy()
        self.native.zero_grad()
        return loss, outputs, gradients

    def train(self, batch: Any, learning_rate: float) -> tuple[Any, Any]:
        if not self.native.training:
            self.native.train()
        loss, outputs = self.module.train_step(
            self.native, *batch, self.optimizer, learning_rate
        )
        return loss.detach(), outputs

    def read(self, handle: Any) -> np.ndarray:
        array: np.ndarray = handle.detach().cpu().numpy()
        return array

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)


def _count_inputs(model: Any) -> int:
    import inspect

    names = inspect.signature(model.forward).parameters
    return len([name for name in names if name != "draws"])

"""Running PyTorch programs: devices, arrays, weights, the step."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from polyframe.backends.pytorch.graphs import CudaRecorder, Graphs
from polyframe.compiler.program import Program
from polyframe.compiler.table import Target
from polyframe.contract.devices import keep_memory, pick, threads
from polyframe.contract.modules import load
from polyframe.contract.session import SCALING, Session


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda:i``."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = pick(device, gpus, "PyTorch")
    return "cpu" if index is None else f"cuda:{index}"


class TorchSession(Session):
    """A PyTorch program on one device."""

    splits = True

    def __init__(self, program: Program, target: Target, device: str) -> None:
        torch.set_num_threads(threads())
        keep_memory()
        if device != "cpu" and target.semantics == "aligned":
            # TF32 rounds inputs to 10 bits: not what aligned float32 means.
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
        self.program, self.target, self.device = program, target, device
        self.low = getattr(torch, target.precision) if target.precision else None
        self.module = load(program)
        self.dtype = getattr(torch, target.dtype)
        self.native = getattr(self.module, program.entry)()
        self.native.to(device=device, dtype=self.dtype)
        self.several = _count_inputs(self.native) > 1
        if hasattr(self.module, "freeze"):
            self.module.freeze(self.native)
        self.kept: dict[str, Any] = {}
        self.graphs: Graphs | None = None

    def _begin(self) -> None:
        """What stays from step to step, as before the first one: it takes the weights
        of this moment, so it is made late."""
        for name in ("optimizer", "average"):
            make = getattr(self.module, f"make_{name}", None)
            if make is not None:
                self.kept[name] = make(self.native)
        if hasattr(self.module, "make_scaler"):
            self.kept["scaler"] = self.module.make_scaler()
        self.graphs = None
        if self._recordable():
            recorder = CudaRecorder(self.device)
            self.graphs = Graphs(self._step, self.forget, self.device, recorder)

    def _recordable(self) -> bool:
        """Whether the step may be a CUDA graph: in float32 or bfloat16, and where all of
        it is the GPU's, which scaling, averages and accumulation are not."""
        options = self.kept["optimizer"].defaults
        return (
            self.device != "cpu"
            and self.target.optimize
            and self.target.semantics == "aligned"
            and self.target.dtype == "float32"
            and list(self.kept) == ["optimizer"]
            and "last" not in inspect.signature(self.module.train_step).parameters
            and bool(options.get("fused"))
            and options.get("capturable", True)
        )

    def tensors(self, arrays: Sequence[np.ndarray]) -> list[torch.Tensor]:
        tensors = []
        for array in arrays:
            tensor = torch.from_numpy(array)
            dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
            tensor = tensor.to(dtype)
            if self.device != "cpu":  # from pinned memory the copy keeps nobody waiting
                tensor = tensor.pin_memory()
            tensors.append(tensor.to(self.device, non_blocking=True))
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
        if self.native.training != training:  # setting it walks through all modules
            self.native.train(training)
        extra = [self.tensors(draws)] if self.program.draws else []
        with torch.inference_mode(), self._precision():
            outputs = self.native(*self.tensors(inputs), *extra)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [self.read(output.to(self.dtype)) for output in outputs]

    def _precision(self) -> Any:
        """What the forward pass computes in."""
        if self.low is None:
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, dtype=self.low)

    def loss_and_gradients(self, batch: Any) -> tuple[Any, Any, dict[str, np.ndarray]]:
        self.native.train()
        self.native.zero_grad()
        loss, outputs = self.module.loss_and_gradients(self.native, *batch)
        gradients = {}
        for name, parameter in self._trained().items():
            gradient = parameter.grad
            if gradient is None:
                gradient = torch.zeros_like(parameter)
            gradients[name] = gradient.detach().cpu().numpy().copy()
        self.native.zero_grad()
        return loss, outputs, gradients

    def train(
        self, batch: Any, learning_rate: float, last: bool = True
    ) -> tuple[Any, Any]:
        if not self.kept:
            self._begin()
        if not self.native.training:
            self.native.train()
        if self.graphs is not None and not self.shared:
            return self.graphs(batch, learning_rate)
        more = () if last else (False,)
        loss, outputs = self._step(batch, learning_rate, *more)
        return loss.detach(), outputs

    def _step(self, batch: Any, learning_rate: Any, *more: bool) -> tuple[Any, Any]:
        found: tuple[Any, Any] = self.module.train_step(
            self.native, *batch, *self.kept.values(), learning_rate, *more
        )
        return found

    def _trained(self) -> dict[str, torch.nn.Parameter]:
        """The parameters that training moves, by canonical name."""
        native = dict(self.native.named_parameters())
        return {
            name: native[slot.path]
            for name, slot in self.program.weights.items()
            if slot.path in native and native[slot.path].requires_grad
        }

    def training_state(self) -> dict[str, np.ndarray]:
        if not self.kept:
            self._begin()
        found = {}
        states = self.kept["optimizer"].state
        for name, parameter in self._trained().items():
            kept = states.get(parameter, {})
            for key in self.program.state:
                value = kept.get(key)
                if value is None:  # before its first step
                    value = torch.zeros_like(parameter)
                found[f"{name}/{key}"] = value.detach().cpu().numpy().copy()
        if "average" in self.kept:
            averages = dict(self.kept["average"].module.named_parameters())
            for name in self._trained():
                average = averages[self.program.weights[name].path]
                found[f"{name}/average"] = average.detach().cpu().numpy().copy()
        if "scaler" in self.kept:
            scaler = self.kept["scaler"].state_dict()
            # Those that do not count need only know whether there was a step.
            steps = [kept.get("step", 1) for kept in states.values()]
            values = (scaler["scale"], scaler["_growth_tracker"], *steps[:1], 0)
            found |= {key: np.array([v], "f4") for key, v in zip(SCALING, values)}
        return found

    @property
    def _fused(self) -> bool:
        """Whether the optimizer counts its steps on the device."""
        return bool(self.kept["optimizer"].defaults.get("fused"))

    def forget(self) -> None:
        self.native.zero_grad()

    def set_training_state(self, state: Mapping[str, np.ndarray], step: int) -> None:
        self._begin()
        self.forget()
        states = self.kept["optimizer"].state
        if "scaler" in self.kept:
            scale, good, updates = (state[key].item() for key in SCALING)
            scaler = self.kept["scaler"]
            known = scaler.state_dict()
            scaler.load_state_dict(
                known | {"scale": scale, "_growth_tracker": int(good)}
            )
            step = int(updates)  # those with gradients that were not finite left out
        for name, parameter in self._trained().items():
            kept = {}
            for key in self.program.state:
                # In the parameter's own order of axes, which fused kernels rely on.
                kept[key] = torch.empty_like(parameter)
                kept[key].copy_(torch.from_numpy(state[f"{name}/{key}"]))
            if step and kept:
                place = self.device if self._fused else "cpu"
                count = torch.tensor(float(step), device=place)
                states[parameter] = {"step": count, **kept}
        if "average" in self.kept:
            averages = dict(self.kept["average"].module.named_parameters())
            with torch.no_grad():
                for name in self._trained():
                    value = torch.from_numpy(state[f"{name}/average"])
                    averages[self.program.weights[name].path].copy_(value)

    def read(self, handle: Any) -> np.ndarray:
        array: np.ndarray = handle.detach().cpu().numpy()
        return array

    def wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)

    def run_forward(self, batch: Any) -> Any:
        self.native.train()
        inputs, draws = self.split(batch)
        outputs = self.native(*inputs, *draws)
        return outputs[0] if isinstance(outputs, tuple) else outputs

    def run_gradients(self, batch: Any) -> Any:
        self.native.train()
        return self.module.loss_and_gradients(self.native, *batch)[0]

    def facts(self) -> dict[str, Any]:
        return {"threads": torch.get_num_threads(), "version": torch.__version__}

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)


def _count_inputs(model: Any) -> int:
    names = inspect.signature(model.forward).parameters
    return len([name for name in names if name != "draws"])

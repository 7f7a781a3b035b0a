"""Running PyTorch programs: devices, arrays, weights, the step."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

from polyframe.backends.pytorch.graphs import CudaRecorder, Graphs
from polyframe.contract.devices import Device, choose_device, keep_memory, threads
from polyframe.contract.module_session import ModuleSession, ModuleTrainingSession
from polyframe.contract.session import (
    OWN_STATE,
    SCALING,
    Arrays,
    Native,
    PhasedSession,
    StagedBatch,
    as_sequence,
)
from polyframe.io.array import Array

NUMBERS: dict[type[torch.optim.Optimizer], dict[str, float]] = {
    torch.optim.NAdam: {"mu_product": 1.0},
}
"""What PyTorch's classes keep besides arrays and the count of steps: name → its first
value. Each parameter has such a number, and all have the same."""


def resolve_device(device: str) -> Device:
    """``cpu`` or ``cuda:i``."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return choose_device(device, gpus, "PyTorch", gpu="cuda:{}")


def layout_of(model: torch.nn.Module) -> str:
    """The order of an image's axes in memory, as the kernels of a model have it."""
    last = torch.channels_last
    images = [p for p in model.parameters() if p.dim() == 4 and not p.is_contiguous()]
    return (
        "NHWC" if any(p.is_contiguous(memory_format=last) for p in images) else "NCHW"
    )


class TorchSession(ModuleSession):
    """A PyTorch program on one device."""

    native: torch.nn.Module

    def build(self) -> torch.nn.Module:
        torch.set_num_threads(threads())
        keep_memory()
        if self.device.is_gpu and not self.target.native("tf32"):
            # TF32 rounds inputs to 10 bits, which aligned float32 does not allow.
            torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.allow_tf32 = False
        self.dtype: torch.dtype = getattr(torch, self.target.dtype)
        model: torch.nn.Module = getattr(self.module, self.program.entry)()
        model.register_state_dict_post_hook(make_contiguous)
        return model.to(device=self.device.name, dtype=self.dtype)

    def tensors(self, arrays: Sequence[Array]) -> list[torch.Tensor]:
        tensors = []
        for array in arrays:
            tensor = torch.from_numpy(array)
            if self.device.is_gpu:  # so that the copy does not block
                tensor = tensor.pin_memory()
            tensors.append(tensor.to(self.device.name, non_blocking=True))
        return tensors

    def native_weights(self) -> Arrays:
        state = self.native.state_dict(keep_vars=True)
        slots = self.program.weights.items()
        return {name: to_numpy(state[slot.path]) for name, slot in slots}

    def set_native_weights(self, weights: Mapping[str, Array]) -> None:
        state = self.native.state_dict(keep_vars=True)
        with torch.no_grad():
            for name, value in weights.items():
                state[self.program.weights[name].path].copy_(torch.from_numpy(value))

    def call(self, arguments: Sequence[torch.Tensor], training: bool) -> Native:
        self.set_mode(training)
        with torch.inference_mode(), self._precision():
            outputs = self.native(*arguments)
        return [output.to(self.dtype) for output in as_sequence(outputs)]

    def set_mode(self, training: bool) -> None:
        """Training or inference; setting it walks through all modules."""
        if self.native.training != training:
            self.native.train(training)

    def _precision(self) -> AbstractContextManager[object]:
        """What the forward pass computes in."""
        if self.target.precision is None:
            return contextlib.nullcontext()
        low = getattr(torch, self.target.precision)
        context: AbstractContextManager[object] = torch.autocast(
            torch.device(self.device.name).type, dtype=low
        )
        return context

    def read(self, handle: torch.Tensor) -> Array:
        array: Array = handle.detach().cpu().numpy()
        return array

    def wait(self) -> None:
        if self.device.is_gpu:
            torch.cuda.synchronize(self.device.name)

    def facts(self) -> dict[str, int | str]:
        facts: dict[str, int | str] = {
            "threads": torch.get_num_threads(),
            "version": torch.__version__,
            "layout": layout_of(self.native),
            "execution": "eager",
        }
        if self.device.is_gpu:
            facts["TF32"] = torch.backends.cudnn.allow_tf32
            facts["autotune"] = torch.backends.cudnn.benchmark
        return facts

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def draw_weights(self, seed: int) -> bool:
        with torch.random.fork_rng(devices=[]):  # the user's generator stays as it is
            torch.default_generator.manual_seed(seed)
            drawn: torch.nn.Module = getattr(self.module, self.program.entry)()
        self.native.load_state_dict(drawn.state_dict())
        return True


class TorchTrainingSession(TorchSession, ModuleTrainingSession, PhasedSession):
    """A PyTorch program with a step, which may be recorded as a CUDA graph."""

    graphs: Graphs | None = None

    def begin(self) -> None:
        super().begin()
        self.graphs = None
        if self.recordable():
            recorder = CudaRecorder(self.device.name)
            self.graphs = Graphs(
                self.take_step, self.forget, self.device.name, recorder
            )

    def recordable(self) -> bool:
        """Whether the step may be a CUDA graph: in float32 or bfloat16, and where all of
        it runs on the GPU, which loss scaling, EMA and accumulation do not."""
        options = self.training_objects["optimizer"].defaults
        return (
            self.device.is_gpu
            and self.target.optimize
            and not self.target.native("dropout")
            and self.target.dtype == "float32"
            and list(self.training_objects) == ["optimizer"]
            and "last" not in inspect.signature(self.module.train_step).parameters
            and bool(options.get("fused"))
            and options.get("capturable", True)
        )

    def facts(self) -> dict[str, int | str]:
        recorded = {} if self.graphs is None else {"execution": "CUDA graph"}
        return {**super().facts(), **recorded}

    def train(
        self, batch: StagedBatch, learning_rate: float, last: bool = True
    ) -> tuple[torch.Tensor, Native]:
        self.begin_once()
        self.set_mode(True)
        if not self.takes_rate:
            self.set_rate(learning_rate)
        if self.graphs is not None and not self.shared:
            result: tuple[torch.Tensor, Native] = self.graphs(batch, learning_rate)
            return result
        loss, outputs = self.take_step(batch, learning_rate, last)
        return loss.detach(), outputs

    def set_rate(self, learning_rate: float) -> None:
        for group in self.training_objects["optimizer"].param_groups:
            group["lr"] = learning_rate * group.get("lr_multiplier", 1.0)

    def native_gradients(
        self, batch: StagedBatch
    ) -> tuple[torch.Tensor, Native, Arrays]:
        self.native.train()
        self.native.zero_grad()
        loss, outputs = self.module.loss_and_gradients(
            self.native, *batch.step_arguments
        )
        gradients = {}
        for name, parameter in self._parameters().items():
            gradient = parameter.grad
            if gradient is None:
                gradient = torch.zeros_like(parameter)
            gradients[name] = to_numpy(gradient)
        self.native.zero_grad()
        return loss, outputs, gradients

    def _parameters(self) -> dict[str, torch.nn.Parameter]:
        """The parameters that are trained, by canonical name."""
        native = dict(self.native.named_parameters())
        return {
            name: native[slot.path]
            for name, slot in self.program.weights.items()
            if slot.path in native and native[slot.path].requires_grad
        }

    def arrays_of(self, name: str) -> dict[str, torch.nn.Parameter]:
        # The object is a module with as many parameters as the model, in their order.
        paths = (path for path, _ in self.native.named_parameters())
        own = self.training_objects[name].parameters()
        native = dict(zip(paths, own, strict=True))
        slots = self.program.weights
        return {p: native[slots[p].path] for p in self._parameters()}

    def native_state(self) -> Arrays:
        self.begin_once()
        arrays = {}
        optimizer = self.training_objects["optimizer"]
        states = optimizer.state
        for name, parameter in self._parameters().items():
            own = states.get(parameter, {})
            for key in self.program.state:
                value = own.get(key)
                if value is None:  # before its first step
                    value = torch.zeros_like(parameter)
                arrays[f"{name}/{key}"] = to_numpy(value)
        for key, first in NUMBERS.get(type(optimizer), {}).items():
            numbers = [own[key] for own in states.values()] or [first]
            arrays[OWN_STATE + key] = np.array([float(numbers[0])], self.target.dtype)
        arrays |= {key: to_numpy(array) for key, array in self.kept().items()}
        if "scaler" in self.training_objects:
            scaler = self.training_objects["scaler"].state_dict()
            # For optimizers without a step count: whether there was a step is enough.
            steps = [own.get("step", 1) for own in states.values()]
            values = (scaler["scale"], scaler["_growth_tracker"], *steps[:1], 0)
            arrays |= {key: np.array([v], "f4") for key, v in zip(SCALING, values)}
        return arrays

    def set_native_state(self, state: Mapping[str, Array], step: int) -> None:
        self.begin()
        self.forget()
        optimizer = self.training_objects["optimizer"]
        if "scaler" in self.training_objects:
            scale, good, updates = (state[key].item() for key in SCALING)
            scaler = self.training_objects["scaler"]
            known = scaler.state_dict()
            scaler.load_state_dict(
                known | {"scale": scale, "_growth_tracker": int(good)}
            )
            step = int(updates)  # without the steps whose gradients were not finite
        # A fused optimizer counts its steps on the device.
        counts_on = self.device.name if optimizer.defaults.get("fused") else "cpu"
        numbers = {
            key: torch.tensor(state[OWN_STATE + key].item())
            for key in NUMBERS.get(type(optimizer), {})
        }
        for name, parameter in self._parameters().items():
            own = {}
            for key in self.program.state:
                # In the parameter's own order of axes, which fused kernels rely on.
                own[key] = torch.empty_like(parameter)
                own[key].copy_(torch.from_numpy(state[f"{name}/{key}"]))
            if step and own:
                count = torch.tensor(float(step), device=counts_on)
                each = {key: number.clone() for key, number in numbers.items()}
                optimizer.state[parameter] = {"step": count, **each, **own}
        with torch.no_grad():
            for key, array in self.kept().items():
                array.copy_(torch.from_numpy(state[key]))

    def forget(self) -> None:
        self.native.zero_grad()

    def run_forward(self, batch: StagedBatch) -> torch.Tensor:
        self.native.train()
        output: torch.Tensor = as_sequence(self.native(*batch.forward_arguments))[0]
        return output

    def run_gradients(self, batch: StagedBatch) -> torch.Tensor:
        self.native.train()
        loss: torch.Tensor = self.module.loss_and_gradients(
            self.native, *batch.step_arguments
        )[0]
        return loss


def make_contiguous(
    module: torch.nn.Module,
    state: dict[str, torch.Tensor],
    prefix: str,
    metadata: object,
) -> None:
    """The hook of ``state_dict``: copies in place of what is in the memory format
    channels_last, which safetensors does not write. Parameters themselves, which
    ``keep_vars`` asks for, stay."""
    for name, value in state.items():
        if isinstance(value, torch.nn.Parameter) or not torch.is_tensor(value):
            continue
        state[name] = value.contiguous()  # itself, unless it has another order


def to_numpy(tensor: torch.Tensor) -> Array:
    """A tensor's numbers, as an array of their own."""
    array: Array = tensor.detach().cpu().numpy()
    return array.copy()

"""A backend for inference: its programs are ONNX graphs, which ONNX Runtime runs.

polyframe show simple_cnn -b onnxruntime --plugin docs/examples/onnxruntime_backend.py
"""

import numpy as np
import onnx
from onnx import helper

from polyframe.compiler.program import Program, Slot, Span
from polyframe.compiler.table import Entry, Form, View, choose_all
from polyframe.contract.backend import Backend, Probe
from polyframe.contract.devices import choose_device, threads
from polyframe.contract.gaps import Gap, Witness
from polyframe.contract.modules import program_errors
from polyframe.contract.registry import register
from polyframe.contract.session import InferenceSession
from polyframe.spec.layers.base import Layer, positive_axis
from polyframe.spec.typed import flatten

# --- the table: the operator for each layer, and its attributes ----------------------


def windows(layer, strides, pads):
    """ONNX takes the padding at the start of all axes, then that at their ends."""
    sides = [low for low, _ in pads] + [high for _, high in pads]
    return {"strides": strides, "dilations": layer.dilation, "pads": sides}


def conv(view):
    layer = view.layer
    attributes = windows(layer, layer.stride, layer.pads(view.shape))
    return "Conv", attributes | {"group": layer.groups}


def max_pool(view):
    layer = view.layer
    attributes = windows(layer, layer.steps, layer.whole_pads(view.shape))
    return "MaxPool", attributes | {"kernel_shape": layer.kernel_size}


def softmax(view):
    return "Softmax", {"axis": positive_axis(view.layer.axis, view.shape)}


def narrow(view):
    """ONNX Runtime refuses padding as wide as the kernel."""
    pads = map(max, view.layer.whole_pads(view.shape))
    return all(pad < size for pad, size in zip(pads, view.layer.kernel_size))


def entry(write, when=lambda view: True):
    return Entry((Form("native", write, when),))


CONV = entry(conv, lambda view: view.layer.padding_mode == "zeros")
TABLE = {
    "BatchNorm": entry(
        lambda view: ("BatchNormalization", {"epsilon": view.layer.eps}),
        lambda view: len(view.node.parameters) == 4,
    ),
    "Conv1D": CONV,
    "Conv2D": CONV,
    "Conv3D": CONV,
    "Dense": entry(lambda view: ("Gemm", {"transB": 1})),
    "Flatten": entry(lambda _: ("Flatten", {}), lambda view: len(view.node.shape) == 1),
    "MaxPool2D": entry(max_pool, narrow),
    "ReLU": entry(lambda view: ("Relu", {})),
    "Softmax": entry(softmax),
}


def gap(word, kind, reason, shape, **fields):
    """Cases of a layer that its entry leaves out, with one of them as the witness."""
    return Gap((word,), kind, reason, Witness(fields, (shape,), training=False))


MIRROR = {"out_channels": 2, "kernel_size": 2, "padding": 1, "padding_mode": "reflect"}
WIDE = {"kernel_size": 2, "padding": 2, "dilation": 3}
GAPS = (
    gap("BatchNorm", "ours", "needs all its parameters here", (3, 4), affine=False),
    gap("Conv2D", "ours", "pads with zeros only here", (2, 5, 6), **MIRROR),
    gap("Flatten", "ours", "joins all axes only here", (2, 3, 4), start_axis=2),
    gap("MaxPool2D", "upstream", "ONNX Runtime wants less padding", (2, 6, 7), **WIDE),
)

# --- the session: an opened program --------------------------------------------------


class Session(InferenceSession):
    """A graph in ONNX Runtime, which is opened again when its weights change."""

    arrays = {}

    def native_weights(self):
        return {name: array.copy() for name, array in self.arrays.items()}

    def set_native_weights(self, weights):
        import onnxruntime as ort

        new = {name: np.array(value, np.float32) for name, value in weights.items()}
        self.arrays = self.arrays | new
        values = map(ort.OrtValue.ortvalue_from_numpy, self.arrays.values())
        options = ort.SessionOptions()
        options.log_severity_level = 4  # errors are raised anyway
        options.intra_op_num_threads = threads()
        options.add_external_initializers(list(self.arrays), list(values))
        content = self.program.files[self.program.entry]
        with program_errors(self.program.entry, "ONNX Runtime"):
            self.native = ort.InferenceSession(content, options)

    def tensors(self, arrays):
        return [np.ascontiguousarray(array, np.float32) for array in arrays]

    def call(self, arguments, training):
        names = [one.name for one in self.native.get_inputs()]
        return self.native.run(None, dict(zip(names, arguments, strict=True)))

    def read(self, handle):
        return handle


# --- the backend ---------------------------------------------------------------------


def tensor(name, shape):
    """An input or output; N is the number of samples."""
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])


def initialiser(name, shape):
    """A weight. Its numbers are not in the program: the session gives them."""
    weight = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights")
    return weight


class OnnxRuntime(Backend):
    """ONNX Runtime on the CPU, in float32: its convolution has no float64 there."""

    name = "onnxruntime"
    title = "ONNX Runtime"
    install = "pip install onnx onnxruntime"
    abilities = frozenset({"infer"})
    table = TABLE

    @property
    def gaps(self):
        absent = sorted(Layer.registry.keys() - self.written.keys() - {"Block"})
        return (*GAPS, Gap(tuple(absent), "ours", "an example needs no more layers"))

    def probe(self):
        try:
            import onnxruntime as ort
        except Exception as error:  # a broken installation can raise anything
            return Probe(False, None, problem=f"{type(error).__name__}: {error}")
        return Probe(True, ort.__version__, ("cpu",))

    def resolve_device(self, device):
        return choose_device(device, 0, self.title)

    def open_inference(self, program, target, device, inputs):
        return Session(program, target, device, inputs)

    def write(self, graph, target, step):
        graph = flatten(graph)  # blocks are opened: one ONNX graph has none
        choice = choose_all(self.entries, graph, target, step, self.name)
        nodes = []
        for node in graph.nodes:
            operator, attributes = choice.nodes[node.path].write(View(node, target))
            weights = (f"{node.owner}.{name}" for name in node.parameters)
            inputs = [*node.inputs, *weights]
            nodes.append(helper.make_node(operator, inputs, [node.path], **attributes))
        weights = [initialiser(name, p.shape) for name, p in graph.parameters.items()]
        inputs = [tensor(*pair) for pair in graph.inputs]
        outputs = map(tensor, graph.outputs, graph.output_shapes)
        model = helper.make_model(
            helper.make_graph(nodes, graph.name, inputs, list(outputs), weights),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=8,
        )
        file, text = f"{graph.name}.onnx.txt", onnx.printer.to_text(model)
        lines = enumerate(graph.nodes, len(text.splitlines()) - len(nodes))
        return Program(
            {f"{graph.name}.onnx": model.SerializeToString(), file: text},
            entry=f"{graph.name}.onnx",
            weights={name: Slot(name) for name in graph.parameters},
            language="onnx",
            source_map={n.path: {"forward": Span(file, at, at)} for at, n in lines},
        )


register(OnnxRuntime)

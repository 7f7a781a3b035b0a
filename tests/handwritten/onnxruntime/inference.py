"""Prediction by ONNX Runtime, on PyTorch's hand-written model.

After "Get started with ONNX Runtime in Python" (onnxruntime.ai/docs): export, and a
session on the CPU with all its graph optimizations, which are on by default.
"""

import io
import os
import warnings

import onnxruntime
import torch


class Predictor:
    def __init__(self, model, device="cpu"):
        if device != "cpu":
            raise ValueError("this contestant is for the CPU")
        self.model = model.eval()

    def stage(self, x, y):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this exporter is the older one
            example = torch.from_numpy(x)
            torch.onnx.export(self.model, example, file, dynamo=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        self.session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )
        self.name = self.session.get_inputs()[0].name
        return x

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        return {
            "threads": int(os.environ["OMP_NUM_THREADS"]),
            "dtype": "float32",
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "version": onnxruntime.__version__,
        }

    def predict(self, batch):
        return self.session.run(None, {self.name: batch})[0]

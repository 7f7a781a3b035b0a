"""Prediction as PyTorch's own guides advise it on a CPU.

After "Channels last memory format in PyTorch" (pytorch.org/tutorials) and
``torch.inference_mode``.
"""

import torch


class Predictor:
    def __init__(self, model, device="cpu"):
        self.device = "cuda" if device == "gpu" else device
        model = model.eval().to(self.device)
        self.model = model.to(memory_format=torch.channels_last)

    def stage(self, x, y):
        x = torch.from_numpy(x).to(self.device)
        return x.contiguous(memory_format=torch.channels_last)

    def describe(self):
        """What a comparison has to know: threads, dtype, weights, version."""
        parameters = list(self.model.parameters())
        return {
            "threads": torch.get_num_threads(),
            "dtype": str(parameters[0].dtype).removeprefix("torch."),
            "parameters": sum(p.numel() for p in parameters),
            "version": torch.__version__,
        }

    def predict(self, batch):
        with torch.inference_mode():
            return self.model(batch).cpu().numpy()

"""What PyTorch's programs say for the training step."""

from __future__ import annotations

from polyframe.compiler.python.source import (
    Call,
    layout,
    listing,
    literal,
    statement,
)
from polyframe.compiler.python.steps import StepWriter

GROUPS = """\
    parameters = list(model.parameters())
    kernels = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]  # biases, scales and shifts
    groups = [{"params": kernels}, {"params": vectors, "weight_decay": 0.0}]
"""

ADAPTED = """\
    parameters = list(model.parameters())
    kernels = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]  # biases, scales and shifts
    groups = [
        {"params": kernels},
        {"params": vectors, "weight_decay": 0.0, "adapt": False},
    ]
"""

MULTIPLIED = """\
    factors = {{  # of the learning rate and of the weight decay
{factors}
    }}
    members = {{}}
    for name, p in model.named_parameters():
        key = {key}
        members.setdefault(key, []).append(p)
    groups = [
        {{
            "params": params,
{more}        }}
        for ({names}), params in members.items()
    ]
"""

AVERAGE = '''
def make_average(model):
    """A model with the EMA of the weights: a = {ema} * a + (1 - {ema}) * w."""
    average = swa_utils.AveragedModel(
        model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn({ema})
    )
    average.n_averaged += 1  # the EMA starts at the first weights
    return average
'''

SCALER = '''
def make_scaler():
    """Scales the loss up, so that small gradients do not vanish in float16."""
    return torch.amp.GradScaler({device})
'''

GRADIENTS = '''
{gradients_head}
    """{summed}; its gradients are added to the parameters'."""
{forward}
    {backward}
    return loss, outputs
'''

LOW = """\
    with torch.autocast({device}, dtype=torch.{precision}):
    {forward}    outputs = {value}
"""

TRAIN = """
{train_head}
{called}
    {update}
    return loss, outputs
"""


class TorchStep(StepWriter):
    """The step, whose gradients are the parameters' own."""

    makers = {"average": AVERAGE, "scaler": SCALER}
    gradients = GRADIENTS
    train = TRAIN
    own_loss = "{loss}({output}, {target})"

    def own_values(self) -> dict[str, str]:
        device = literal("cpu" if self.target.device == "cpu" else "cuda")
        forward = f"    outputs = model({self.inputs})\n"
        if self.training.precision is not None:
            several = len(self.graph.outputs) > 1
            each = "[output.float() for output in outputs]"
            forward = LOW.format(
                device=device,
                precision=self.training.precision,
                forward=forward,
                value=each if several else "outputs.float()",
            )
        backward = "scaler.scale(loss).backward()" if self.scaled else "loss.backward()"
        return {
            "device": device,
            "forward": forward + self.whole_loss(4),
            "backward": backward,
        }

    def frozen_line(self) -> str:
        return "layer.requires_grad_(False)"

    def layer(self, path: str) -> Call:
        return listing("model.get_submodule", [path])

    def optimizer_text(self) -> str:
        top, *body = super().optimizer_text().split("\n")
        rule = self.step.optimizer
        groups = (ADAPTED if rule.adapts else GROUPS) if rule.spares_vectors else ""
        if self.factors:
            groups, given = self.multiplied_groups(), ("groups", "model.parameters()")
            body = statement("return ", self.optimizer_of(given, "groups"), 4)
        return "\n".join([top, *groups.splitlines(), *body])

    def multiplied_groups(self) -> str:
        """``groups`` by factors and, where it matters, by what ``decay_on`` names."""
        rule, names = self.step.optimizer, ["rate", "_"]
        more = [] if self.rate else [f'"lr": {literal(rule.lr)} * rate,']
        more.append('"lr_multiplier": rate,')
        key, kernel = "factors.get(name, (1.0, 1.0))", ""
        if rule.spares_vectors:
            key, kernel = f"(*{key}, p.dim() > 1)", " if kernel else 0.0"
            names.append("kernel")
        if rule.weight_decay:
            names[1] = "decay"
            more.append(
                f'"weight_decay": {literal(rule.weight_decay)} * decay{kernel},'
            )
        if rule.spares_vectors and rule.adapts:
            more.append('"adapt": kernel,')
        rows = [
            line
            for name, pair in self.factors.items()
            for line in layout(
                f'"{self.written.weights[name].path}": ', listing("()", pair), ",", 8
            )
        ]
        return MULTIPLIED.format(
            factors="\n".join(rows),
            key=key,
            names=", ".join(names),
            more="".join(f"            {line}\n" for line in more),
        )

    @property
    def clips_in_place(self) -> list[str]:
        """The line between gradients and update."""
        if self.bound is None:
            return []
        name, bound = self.bound
        function = name.replace("clip_", "clip_grad_")
        return [f"nn.utils.{function}_(model.parameters(), {literal(bound)})"]

    @property
    def apply_arguments(self) -> list[str]:
        model = self.bound is not None or "average" in self.training_objects
        return [*(["model"] if model else []), *super().apply_arguments]

    def apply_text(self) -> str:
        clip = self.clips_in_place
        unscaled = ["scaler.unscale_(optimizer)"] if self.scaled and clip else []
        factor = ' * group["lr_multiplier"]' if self.factors else ""
        rates = [
            "for group in optimizer.param_groups:",
            f'    group["lr"] = learning_rate{factor}',
        ]
        update = ["optimizer.step()"]
        if self.scaled:
            update = ["scaler.step(optimizer)", "scaler.update()"]
        average = "average" in self.training_objects
        return self.function(
            [
                *unscaled,
                *clip,
                *(rates if self.rate else []),
                *update,
                "optimizer.zero_grad()",
                *(["average.update_parameters(model)"] if average else []),
            ]
        )

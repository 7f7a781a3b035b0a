"""What MXNet Gluon's programs say for the training step."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Name, listing, literal, statement
from polyframe.compiler.python.steps import StepWriter, attribute
from polyframe.errors import UnsupportedError
from polyframe.spec.layers import BatchNorm

NO_DECAY = """\
    for parameter in model.collect_params().values():
        if len(parameter.shape) == 1:
            parameter.wd_mult = 0.0  # biases, scales and shifts
"""

FACTORS = """\
    for parameter, rate, decay in [
{factors}
    ]:
        parameter.lr_mult, parameter.wd_mult = rate, decay
"""

ADD = """\
    for parameter in trained(model):
        parameter.grad_req = "add"  # over several batches
"""

OPTIMIZER = """
def make_optimizer(model):
{before}{optimizer}
    return gluon.Trainer(model.collect_params(), optimizer, kvstore=None)
"""

OWN_OPTIMIZER = """
def make_optimizer(model):
{before}{made}
"""

AVERAGE = """
def make_average(model):
    return Average(trained(model), {ema})
"""

SCALER = """
def make_scaler():
    return LossScale()
"""

CLIP_NORM = '''
def clip(gradients):
    """Scale the gradients down to a global norm of at most {bound}."""
    norm = nd.sqrt(nd.add_n(*[nd.sum(g * g) for g in gradients]))
    scale = nd.minimum({bound} / (norm + 1e-6), 1)
    for g in gradients:
        g *= scale
'''

CLIP_VALUE = '''
def clip(gradients):
    """Bring each number of the gradients into the range of -bound to bound."""
    bound = {bound}
    for g in gradients:
        g[:] = nd.maximum(nd.minimum(g, bound), -bound)
'''

GRADIENTS = '''
{gradients_head}
    """{summed}; {gradients}."""
{before}    with autograd.record():
        outputs = model({inputs})
{losses}
{scaled}    {backward}
{after}    return loss, outputs
'''

TRAIN = """
{train_head}
{called}
    {update}
    return loss, outputs
"""

BEGIN = """\
    statistics = Statistics.of(model)
    statistics.begin()
"""
# MXNet's operator updates the statistics in its backward pass, which runs only if the
# operator's input or one of its weights has a gradient.
ATTACH = """\
    for array in {x}:
        array.attach_grad()  # so that every batch norm has a backward pass
"""
UPDATE = """\
    statistics.update(len(outputs{first}))
"""


class GluonStep(StepWriter):
    """The step, whose gradients are the parameters' own."""

    makers = {"average": AVERAGE, "scaler": SCALER}
    gradients = GRADIENTS
    train = TRAIN
    own_loss = "{loss}({output}, {target}).mean()"
    clips = {"clip_norm": CLIP_NORM, "clip_value": CLIP_VALUE}

    def helpers(self) -> list[str]:
        every = "average" in self.training_objects or self.takes_model
        return [
            *(["trained"] if every else []),
            *(["Average"] if "average" in self.training_objects else []),
            *(["LossScale"] if self.scaled else []),
            *(["own_rates"] if self.has_rates and not self.optimizer.own else []),
        ]

    @property
    def takes_model(self) -> bool:
        """Whether ``apply`` looks at the gradients, or drops them."""
        return self.accumulates or self.scaled or self.bound is not None

    @property
    def has_rates(self) -> bool:
        """Whether some parameters have a learning rate of their own."""
        return any(rate != 1.0 for rate, _ in self.factors.values())

    def own_values(self) -> dict[str, str]:
        before, after = self.norms_text()
        added = "its gradients are added to the parameters'"
        return {
            "losses": self.whole_loss(8),
            "gradients": added
            if self.accumulates
            else "the parameters hold its gradients",
            "scaled": "        scaled = loss * scaler.scale\n" if self.scaled else "",
            "backward": "scaled.backward()" if self.scaled else "loss.backward()",
            "before": before,
            "after": after,
        }

    def loss_text(self, name: str, code: Code) -> str:
        # Gluon's own classes, too, return one loss for each sample.
        return super().loss_text(name, replace(code, own=False))

    def norms_text(self) -> tuple[str, str]:
        """What a step does for batch norms, before the forward and after the backward pass.
        Only the helper's statistics are updated after it, but Gluon's own batch norm needs
        a backward pass as well."""
        graph = self.graph
        norms = [
            node.layer
            for node in graph.walk()
            if isinstance(node.layer, BatchNorm)
            and node.layer.track_running_stats
            and not node.fixed
        ]
        if not norms:
            return "", ""
        updates = self.written.takes("Statistics")
        before = BEGIN if updates else ""
        if self.training.freeze or not all(n.scaled or n.shifted for n in norms):
            before += ATTACH.format(x="x" if len(graph.inputs) > 1 else "[x]")
        first = "[0]" if len(graph.outputs) > 1 else ""
        return before, UPDATE.format(first=first) if updates else ""

    def frozen_line(self) -> str:
        return 'layer.collect_params().setattr("grad_req", "null")'

    @cached_property
    def factors(self) -> dict[str, tuple[float, float]]:
        factors, rule = super().factors, self.step.optimizer
        if not (rule.adapts and rule.spares_vectors):
            return factors
        # A wd_mult of 0 marks vectors for LAMB and LARS; this one adds nothing either.
        return {n: (rate, decay or 1e-300) for n, (rate, decay) in factors.items()}

    def optimizer_text(self) -> str:
        before = ADD if self.accumulates else ""
        make, rule = self.optimizer.make, self.step.optimizer
        assert make is not None
        if self.has_rates and not self.optimizer.own:
            make = replace(make, function=f"own_rates({make.function})")
        if self.factors:
            before += FACTORS.format(factors=self.factor_rows(8))
        if rule.spares_vectors:
            before += NO_DECAY
            vectors = [  # those that have more axes in MXNet
                attribute(slot.path)
                for slot in self.written.weights.values()
                if len(slot.canonical or (0, 0)) == 1 and len(slot.shape or ()) > 1
            ]
            if vectors:
                loop = statement("for vector in ", listing("", vectors), 4)
                loop[-1] += ":  # they have as many axes as their input"
                before += "\n".join([*loop, "        vector.wd_mult = 0.0", ""])
        if self.optimizer.own:
            made = "\n".join(statement("return ", make, 4))
            return OWN_OPTIMIZER.format(before=before, made=made)
        made = "\n".join(statement("optimizer = ", make, 4))
        return OPTIMIZER.format(before=before, optimizer=made)

    @property
    def apply_arguments(self) -> list[str]:
        return [*(["model"] if self.takes_model else []), *super().apply_arguments]

    @property
    def bound(self) -> tuple[str, float] | None:
        bound = super().bound
        if bound and bound[0] == "clip_value" and self.clips_itself:
            return None  # it is an option of the optimizer's
        return bound

    @property
    def clips_itself(self) -> bool:
        """Whether the optimizer is MXNet's own, and is to clip by value."""
        return self.optimizer.own and self.target.native("clipping")

    @property
    def own_norm(self) -> float | None:
        """The bound of the norm, if Gluon's own function is to clip."""
        bound = super().bound
        if bound is None or bound[0] != "clip_norm":
            return None
        if not self.target.native("clipping"):
            return None
        if self.target.dtype != "float32":
            raise UnsupportedError(
                "gluon.utils.clip_global_norm takes float32 only",
                where="clip_norm",
                hint='dtype "float32", or semantics with clipping aligned',
            )
        return bound[1]

    def clip_text(self) -> str:
        return "" if self.own_norm is not None else super().clip_text()

    def clipped(self, gradients: str) -> list[str]:
        """The statement that clips gradients, if there is one."""
        if self.bound is None:
            return []
        if self.own_norm is None:
            return [f"clip({gradients})"]
        bound = literal(self.own_norm)
        call = listing("gluon.utils.clip_global_norm", [Name(gradients), Name(bound)])
        return statement("", call, 0)

    def apply_text(self) -> str:
        rate = ["optimizer.set_learning_rate(learning_rate)"] if self.rate else []
        update = [*rate, "optimizer.step(1)"]
        gradients = "[p.grad() for p in trained(model)]"
        if self.scaled:
            clip = self.clipped("gradients")
            update = [
                f"gradients = {gradients}",
                "finite = scaler.unscale(gradients)",
                "if finite:",
                *(f"    {line}" for line in [*clip, *update]),
                "scaler.update(finite)",
            ]
        else:
            update = [*self.clipped(gradients), *update]
        if self.accumulates:
            update.append("model.collect_params().zero_grad()")
        if "average" in self.training_objects:
            update.append("average.update()")
        return self.function(update)

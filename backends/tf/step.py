"""What TensorFlow's programs say for the training step."""

from __future__ import annotations

from dataclasses import replace

from polyframe.compiler.python.code import Code
from polyframe.compiler.python.source import Call, Name, literal, statement
from polyframe.compiler.python.steps import StepWriter
from polyframe.spec.semantics import rewrites

GRADIENTS = '''
{gradients_head}
    """{summed} and its gradients."""
    with tf.GradientTape() as tape:
        outputs = {outputs}
{losses}
{scaled}    return loss, outputs, tape.gradient({of}, model.trainable_variables)
'''

SCALED = "        scaled = loss * scaler.scale\n"

APPLY_SCALED = """
def {applied}:
    gradients, finite = scaler.unscale(gradients)

    def update():
{update}

    tf.cond(finite, update, lambda: None)
    scaler.update(finite)
"""

CLIP_NORM = '''
def clip(gradients):
    """Scale the gradients down to a global norm of at most {bound}."""
    norm = tf.linalg.global_norm(gradients)
    scale = tf.minimum({bound} / (norm + 1e-6), 1)
    return [g * scale for g in gradients]
'''

CLIP_VALUE = '''
def clip(gradients):
    """Bring each number of the gradients into the range of -bound to bound."""
    bound = {bound}
    return [tf.clip_by_value(g, -bound, bound) for g in gradients]
'''

OWN_CLIPS = {
    "clip_norm": ("clipped, _ = tf.clip_by_global_norm(gradients, {bound})",),
    "clip_value": (
        "bound = {bound}",
        "clipped = [tf.clip_by_value(g, -bound, bound) for g in gradients]",
    ),
}
"""Setting → lines of TensorFlow's own functions, for native semantics."""

GROUPS = """
def make_optimizer(model):
    factors = [  # of the learning rate and of the weight decay
{factors}
    ]

    def make(variables, decay):
{optimizer}

    return {groups}(model.trainable_variables, factors, make)
"""

AVERAGE = """
def make_average(model):
    return Average(model.trainable_variables, {ema})
"""

SUMS = """
def make_sums(model):
    return Sums(model.trainable_variables)
"""

SCALER = """
def make_scaler():
    return LossScale()
"""

# Keras's own batch norm is in inference mode where ``layer.trainable`` is False.
FREEZE_VARIABLES = """\
for variable in layer.trainable_variables:  # but not batch norms' statistics
            variable.trainable = False"""

TRAIN = """
{decorator}
{train_head}
{called}
    {update}
    return loss, outputs
"""


class TensorFlowStep(StepWriter):
    """The step, whose gradients are values."""

    makers = {"sums": SUMS, "average": AVERAGE, "scaler": SCALER}
    gradients = GRADIENTS
    train = TRAIN
    total = "tf.reduce_sum({losses})"
    own_loss = "{loss}({target}, {output})"
    results = "loss, outputs, gradients"
    clips = {"clip_norm": CLIP_NORM, "clip_value": CLIP_VALUE}

    def helpers(self) -> list[str]:
        classes = {"sums": "Sums", "average": "Average", "scaler": "LossScale"}
        groups = [self.groups] if self.factors else []
        return [*groups, *(classes[name] for name in self.training_objects[1:])]

    def frozen_line(self) -> str:
        keras_norm = "layers.BatchNormalization" in self.written.makes
        moves = keras_norm and not self.training.freeze_statistics
        return FREEZE_VARIABLES if moves else "layer.trainable = False"

    def optimizer_text(self) -> str:
        make = self.optimizer.make
        assert make is not None
        if not self.factors:
            return "\n".join(
                ["def make_optimizer(model):", *self.construction(4, make)]
            )
        if not self.optimizer.own:
            make = self.optimizer_of(["model.trainable_variables"], "variables")
        lines = self.construction(8, self.grouped(make), "variables")
        return GROUPS.format(
            factors=self.factor_rows(8),
            optimizer="\n".join(lines),
            groups=self.groups,
        )

    def loss_text(self, name: str, code: Code) -> str:
        if not code.own or code.make is not None:
            return super().loss_text(name, code)
        top = [f"def {name}(target, output):", '    """The mean loss."""']
        return "\n".join([*top, *code.body])

    @property
    def groups(self) -> str:
        """The class for groups of variables."""
        return "KerasGroups" if self.optimizer.own else "Groups"

    def construction(
        self, indent: int, make: Call, variables: str = "model.trainable_variables"
    ) -> list[str]:
        """The lines that return the optimizer. Keras's own one gets all its variables
        there: the step's graph could not make them later."""
        if not self.optimizer.own:
            return statement("return ", make, indent)
        lines = [*self.optimizer.body, f"optimizer.build({variables})"]
        return [
            *statement("optimizer = ", make, indent),
            *(" " * indent + line.format(variables=variables) for line in lines),
            " " * indent + "return optimizer",
        ]

    def grouped(self, make: Call) -> Call:
        """The construction for a group of variables, with a decay of its own."""
        if not self.step.optimizer.weight_decay:
            return make
        if not any(a.role == "weight_decay" for a in make.arguments):
            raise self.takes_no_groups()
        arguments = (
            replace(a, value=Name(f"{literal(a.value)} * decay"), default=...)
            if a.role == "weight_decay"
            else a
            for a in make.arguments
        )
        return replace(make, arguments=tuple(arguments))

    def own_values(self) -> dict[str, str]:
        outputs = f"model({self.inputs}, training=True)"
        if self.training.precision is not None:
            several = len(self.graph.outputs) > 1
            each = f"[tf.cast(y, tf.float32) for y in {outputs}]"
            outputs = each if several else f"tf.cast({outputs}, tf.float32)"
        plain = not rewrites(self.target.semantics)  # as in Keras's guides
        return {
            "decorator": "@tf.function" if plain else "@tf.function(autograph=False)",
            "outputs": outputs,
            "losses": self.whole_loss(8),
            "scaled": SCALED if self.scaled else "",
            "of": "scaled" if self.scaled else "loss",
        }

    @property
    def apply_arguments(self) -> list[str]:
        model = ["model"] if self.optimizer.own else []
        objects = [name for name in self.training_objects if name != "sums"]
        return [*model, *objects, "gradients", *self.rate]

    def clip_text(self) -> str:
        return "" if self.target.native("clipping") else super().clip_text()

    def update_lines(self) -> list[str]:
        """The lines that clip the gradients and take the optimizer's step."""
        lines, gradients = [], "gradients"
        if self.bound is not None and self.target.native("clipping"):
            name, bound = self.bound
            lines += [line.format(bound=literal(bound)) for line in OWN_CLIPS[name]]
            gradients = "clipped"
        elif self.bound is not None:
            gradients = "clip(gradients)"
        if self.optimizer.own:
            pairs = f"zip({gradients}, model.trainable_variables)"
            return [*lines, f"optimizer.apply_gradients({pairs})"]
        return [*lines, f"optimizer.apply({gradients}, learning_rate)"]

    def apply_text(self) -> str:
        text = self.function(self.update_lines())
        if self.scaled:
            update = "\n".join(f"        {line}" for line in self.update_lines())
            text = APPLY_SCALED.format(applied=self.applied, update=update)
        average = ["    average.update()"] if "average" in self.training_objects else []
        return "\n".join([text.strip("\n"), *average])

    def update_text(self) -> str:
        if not self.accumulates:
            return self.applied
        return (
            "gradients = sums.add(gradients)\n    if last:\n"
            f"        {self.applied}\n        sums.clear()"
        )

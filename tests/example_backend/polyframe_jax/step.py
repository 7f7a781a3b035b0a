"""What JAX's programs say for the training step: pure functions from arrays to arrays."""

from __future__ import annotations

from polyframe.compiler.python.source import listing, literal, statement
from polyframe.compiler.python.steps import StepWriter

UPDATE = '''
def update(w, g, kept, learning_rate, step):
    """Return a parameter's new value, and its new state."""
'''

TRAINED = '''
def trained(params):
    """Return the parameters that training moves."""
    return {moved}
'''

START = '''
@jax.jit
def start(params):
    """Return the training state before the first step."""
    params = trained(params)
    state = {{name: {state} for name, w in params.items()}}
    kept = {{"step": jnp.array(0), "state": state}}
{more}    return kept
'''

GRADIENTS = '''
@jax.jit
{gradients_head}
    """Return the loss over `count` samples, outputs, state, gradients."""

    def loss_of(moved):
        outputs, new = forward({given}, state, {inputs}, training=True)
{losses}
        return losses.sum(){over}, (outputs, new)

    values = jax.value_and_grad(loss_of, has_aux=True)(trained(params))
    (loss, (outputs, state)), gradients = values
    return loss, outputs, state, gradients
'''

CLIP_NORM = """\
    norm = jnp.sqrt(sum((g**2).sum() for g in gradients.values()))
    factor = jnp.minimum(1, {bound} / (norm + 1e-6))
    gradients = {{name: factor * g for name, g in gradients.items()}}
"""

CLIP_VALUE = """\
    gradients = {{name: jnp.clip(g, -{bound}, {bound}) for name, g in gradients.items()}}
"""

AVERAGE = """\
    ema = {ema}
    averages = kept["average"].items()
    averages = {{n: ema * a + (1 - ema) * moved[n] for n, a in averages}}
    kept["average"] = averages
"""

APPLY = '''
def apply(params, gradients, kept, learning_rate):
    """Return the new parameters, and the new training state."""
{clip}    step, state, moved = kept["step"] + 1, {{}}, {{}}
    for name, g in gradients.items():
        moved[name], state[name] = update(
            params[name], g, kept["state"][name], learning_rate, step
        )
    kept = {{**kept, "step": step, "state": state}}
{average}    return {{**params, **moved}}, kept
'''

TRAIN = '''
{jit}
{train_head}
    """Return the loss and outputs, and all that the step has changed."""
{called}
    {update}
    return loss, outputs, params, state, kept
'''

APPLIED = "params, kept = apply(params, gradients, kept, learning_rate)"

ACCUMULATED = f"""\
gradients = jax.tree.map(jnp.add, kept["gradients"], gradients)
    if last:
        {APPLIED}
        gradients = jax.tree.map(jnp.zeros_like, gradients)
    kept = {{**kept, "gradients": gradients}}"""


class JaxStep(StepWriter):
    """The step, which is given all that it changes and returns it."""

    gradients = GRADIENTS
    train = TRAIN
    results = "loss, outputs, state, gradients"
    model = ("params", "state")
    last = "last"
    training_objects = ["kept"]  # type: ignore[assignment]
    clips = {"clip_norm": CLIP_NORM, "clip_value": CLIP_VALUE}

    def own_values(self) -> dict[str, str]:
        slots = [f'"{name}": jnp.zeros_like(w)' for name in self.step.optimizer.state]
        average, adds = self.training.ema is not None, self.accumulates
        more = '    kept["average"] = params\n' * average
        more += '    kept["gradients"] = jax.tree.map(jnp.zeros_like, params)\n' * adds
        moved = "{name: w for name, w in params.items() if name not in FROZEN}"
        return {
            "losses": self.losses_text(8),
            "moved": moved if self.frozen else "params",
            "given": "{**params, **moved}" if self.frozen else "moved",
            "state": f"{{{', '.join(slots)}}}",
            "more": more,
            "jit": '@partial(jax.jit, static_argnames="last")' if adds else "@jax.jit",
            "clip": super().clip_text(),
            "average": AVERAGE.format(ema=literal(self.training.ema)) * average,
        }

    def clip_text(self) -> str:
        return ""  # it is part of ``apply``

    def freeze_text(self) -> str:
        return ""  # ``trained`` leaves them out

    def optimizer_text(self) -> str:
        return UPDATE + "\n".join(self.optimizer.body)

    def maker_texts(self) -> list[str]:
        names = [
            name
            for name, p in self.graph.parameters.items()
            if p.trainable and name.rpartition(".")[0] in self.frozen
        ]
        frozen = "\n".join(statement("FROZEN = ", listing("()", names), 0))
        texts = [TRAINED.format(**self.values), START.format(**self.values)]
        return [frozen, *texts] if names else texts

    def update_text(self) -> str:
        return ACCUMULATED if self.accumulates else APPLIED

    def apply_text(self) -> str:
        return APPLY.format(**self.values)

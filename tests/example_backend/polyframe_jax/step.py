"""What JAX's programs say for the training step: pure functions from arrays to arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyframe.compiler.python.source import Name, head, listing, literal, statement
from polyframe.compiler.python.steps import losses_text
from polyframe.compiler.training import TrainingSpec
from polyframe.spec.typed import TypedGraph
from polyframe_jax.model import Written

Lines = list[str]

# --- losses ------------------------------------------------------------------------------


def cross_entropy(loss: Any, axes: int) -> Lines:
    behind = (-1, *[1] * axes)
    lines = ["log_p = jax.nn.log_softmax(output, axis=1)"]
    if not loss.soft:
        if loss.ignore_index is not None:
            lines.append(f"counted = target != {literal(loss.ignore_index)}")
        one_hot = "jax.nn.one_hot(target, output.shape[1], axis=1, dtype=output.dtype)"
        lines.append(f"target = {one_hot}")
    if loss.label_smoothing:
        lines += [
            f"smoothing = {literal(loss.label_smoothing)}",
            "target = (1 - smoothing) * target + smoothing / output.shape[1]",
        ]
    if loss.class_weights is not None:
        values = listing("", loss.class_weights).flat()
        lines += [
            f"weight = jnp.array({values}, output.dtype)",
            f"target = weight.reshape{literal(behind)} * target" if axes
            else "target = weight * target",
        ]  # fmt: skip
    lines.append("losses = -(target * log_p).sum(1)")
    if loss.ignore_index is not None and not loss.soft:
        lines.append("losses = losses * counted")
    return lines


def mse(loss: Any, axes: int) -> Lines:
    return ["losses = (output - target) ** 2"]


LOSSES: dict[str, Callable[[Any, int], Lines]] = {
    "cross_entropy": cross_entropy,
    "mse": mse,
}


def loss_text(name: str, loss: Any, axes: int) -> str:
    """A loss function, for outputs with that many axes behind the channels."""
    lines = [
        '"""One loss per sample."""',
        *LOSSES[loss.type](loss, axes),
        "return losses.reshape(len(losses), -1).mean(1)  # (N,)",
    ]
    return "\n".join([f"def {name}(output, target):", *(f"    {x}" for x in lines)])


# --- optimizers --------------------------------------------------------------------------


def sgd(o: Any) -> Lines:
    if not o.momentum:
        return ["return w - learning_rate * g, {}"]
    share = ""
    lines = []
    if o.dampening:
        lines.append(f"share = jnp.where(step > 1, {literal(1 - o.dampening)}, 1.0)")
        share = "share * "
    momentum = literal(o.momentum)
    update = f"(g + {momentum} * v)" if o.nesterov else "v"
    return [
        *lines,
        f'v = {momentum} * kept["momentum_buffer"] + {share}g',
        f'return w - learning_rate * {update}, {{"momentum_buffer": v}}',
    ]


def adam(o: Any) -> Lines:
    lines = [
        f"beta1, beta2, eps = {o.beta1!r}, {o.beta2!r}, {o.eps!r}",
        'm = beta1 * kept["exp_avg"] + (1 - beta1) * g',
        'v = beta2 * kept["exp_avg_sq"] + (1 - beta2) * g**2',
    ]
    kept, largest = '"exp_avg": m, "exp_avg_sq": v', "v"
    if o.amsgrad:
        lines.append('largest = jnp.maximum(kept["max_exp_avg_sq"], v)')
        kept, largest = f'{kept}, "max_exp_avg_sq": largest', "largest"
    return [
        *lines,
        f"size = jnp.sqrt({largest} / (1 - beta2**step)) + eps",
        "w = w - learning_rate * m / (1 - beta1**step) / size",
        f"return w, {{{kept}}}",
    ]


OPTIMIZERS: dict[str, Callable[[Any], Lines]] = {"Adam": adam, "SGD": sgd}


def optimizer_text(o: Any) -> str:
    """``update``: one parameter's way through one step."""
    decay = []
    if o.weight_decay:
        vectors = "  # no biases, scales and shifts" if o.decay_on == "kernels" else ""
        decay = [f"g = g + {literal(o.weight_decay)} * w{vectors}"]
        if vectors:
            decay = ["if w.ndim > 1:" + vectors, f"    {decay[0].partition('  #')[0]}"]
    lines = ['"""Return a parameter\'s new value, and what is kept for it."""']
    lines += [*decay, *OPTIMIZERS[o.type](o)]
    head = "def update(w, g, kept, learning_rate, step):"
    return "\n".join([head, *(f"    {x}" for x in lines)])


# --- the step ----------------------------------------------------------------------------


def step_text(graph: TypedGraph, written: Written, step: TrainingSpec) -> Lines:
    """The sections of a program that train."""
    trainable = {n: p for n, p in graph.parameters.items() if p.trainable}
    layers = step.training.frozen(trainable)
    frozen = tuple(n for n in trainable if n.rpartition(".")[0] in layers)
    functions = step.functions(graph).items()
    return [
        *(loss_text(name, *key) for key, name in functions),
        optimizer_text(step.optimizer),
        start_text(step, frozen),
        gradients_text(graph, written, step, bool(frozen)),
        apply_text(step),
        train_text(written, step),
    ]


def batch(written: Written, step: TrainingSpec) -> list[str]:
    """The arguments that a batch consists of."""
    weights = ["weights"] if step.weighted else []
    return ["x", "target", *weights, *(["draws"] if written.draws else []), "count"]


def start_text(step: TrainingSpec, frozen: tuple[str, ...]) -> str:
    """``start``: what training keeps besides weights, and what it moves."""
    slots = ", ".join(f'"{n}": jnp.zeros_like(w)' for n in step.optimizer.state)
    lines = []
    moved = "params"
    if frozen:
        lines = [*statement("FROZEN = ", listing("()", frozen), 0), "", ""]
        moved = "{name: w for name, w in params.items() if name not in FROZEN}"
    lines += [
        "def trained(params):",
        '    """Return the parameters that training moves."""',
        f"    return {moved}",
        "",
        "",
        "@jax.jit",
        "def start(params):",
        '    """Return what is kept from step to step, before the first one."""',
        "    params = trained(params)",
        f"    state = {{name: {{{slots}}} for name, w in params.items()}}"
        if len(step.optimizer.state) < 2
        else "    state = {\n        name: {\n"
        + "".join(f"            {slot},\n" for slot in slots.split(", "))
        + "        }\n        for name, w in params.items()\n    }",
        '    kept = {"step": jnp.array(0), "state": state}',
    ]
    if step.training.ema is not None:
        lines.append('    kept["average"] = params')
    if step.training.accumulate > 1:
        lines.append('    kept["gradients"] = jax.tree.map(jnp.zeros_like, params)')
    return "\n".join([*lines, "    return kept"])


def gradients_text(
    graph: TypedGraph, written: Written, step: TrainingSpec, frozen: bool
) -> str:
    """``loss_and_gradients``."""
    inputs = "*x" if len(graph.inputs) > 1 else "x"
    draws = ", draws" if written.draws else ""
    over = "" if step.sums else " / count"
    arguments = ["params", "state", *batch(written, step)]
    given = "{**params, **moved}" if frozen else "moved"
    called = f"{given}, state, {inputs}{draws}"
    return "\n".join(
        [
            "@jax.jit",
            *head("def loss_and_gradients", arguments, ":", 0),
            '    """Return the loss over `count` samples, outputs, state, gradients."""',
            "",
            "    def loss_of(moved):",
            f"        outputs, new = forward({called}, training=True)",
            losses_text(graph, step, 8),
            f"        return losses.sum(){over}, (outputs, new)",
            "",
            "    found = jax.value_and_grad(loss_of, has_aux=True)(trained(params))",
            "    (loss, (outputs, state)), gradients = found",
            "    return loss, outputs, state, gradients",
        ]
    )


def apply_text(step: TrainingSpec) -> str:
    """``apply``: from gradients to new weights."""
    training = step.training
    lines = []
    if training.clip_norm is not None:
        lines += [
            "norm = jnp.sqrt(sum((g**2).sum() for g in gradients.values()))",
            f"factor = jnp.minimum(1, {literal(training.clip_norm)} / (norm + 1e-6))",
            "gradients = {name: factor * g for name, g in gradients.items()}",
        ]
    if training.clip_value is not None:
        bound = literal(training.clip_value)
        clip = f"jnp.clip(g, -{bound}, {bound})"
        lines.append(f"gradients = {{name: {clip} for name, g in gradients.items()}}")
    lines += [
        'step, state, moved = kept["step"] + 1, {}, {}',
        "for name, g in gradients.items():",
        "    moved[name], state[name] = update(",
        '        params[name], g, kept["state"][name], learning_rate, step',
        "    )",
        'kept = {**kept, "step": step, "state": state}',
    ]
    if training.ema is not None:
        lines += [
            f"ema = {literal(training.ema)}",
            'averages = kept["average"].items()',
            "averages = {n: ema * a + (1 - ema) * moved[n] for n, a in averages}",
            'kept["average"] = averages',
        ]
    lines.append("return {**params, **moved}, kept")
    return "\n".join(
        [
            "def apply(params, gradients, kept, learning_rate):",
            '    """Return the new parameters, and what is kept."""',
            *(f"    {line}" for line in lines),
        ]
    )


def train_text(written: Written, step: TrainingSpec) -> str:
    """``train_step``."""
    adds = step.training.accumulate > 1
    given = batch(written, step)
    arguments = ["params", "state", *given, "kept", "learning_rate"]
    called = listing("loss_and_gradients", map(Name, ["params", "state", *given]))
    applied = "params, kept = apply(params, gradients, kept, learning_rate)"
    lines = statement("loss, outputs, state, gradients = ", called, 4)
    if adds:
        rest = [
            'gradients = jax.tree.map(jnp.add, kept["gradients"], gradients)',
            "if last:",
            f"    {applied}",
            "    gradients = jax.tree.map(jnp.zeros_like, gradients)",
            'kept = {**kept, "gradients": gradients}',
        ]
    else:
        rest = [applied]
    jit = '@partial(jax.jit, static_argnames="last")' if adds else "@jax.jit"
    return "\n".join(
        [
            jit,
            *head("def train_step", [*arguments, *(["last"] if adds else [])], ":", 0),
            '    """Return the loss and outputs, and all that the step has moved."""',
            *lines,
            *(f"    {line}" for line in rest),
            "    return loss, outputs, params, state, kept",
        ]
    )

"""The source map names lines of functions, too."""

import pytest
from polyframe_jax.backend import Jax

import polyframe as pf
from polyframe.compiler.program import WHOLE
from polyframe.compiler.table import Target
from polyframe.contract.programs import make_step, write_programs
from polyframe.spec.settings import Training
from polyframe.spec.typed import flatten


def shared():
    x, y = pf.Input((6,), name="a"), pf.Input((6,), name="b")
    dense = pf.Dense(6, name="dense")
    return pf.ModelSpec([x, y], pf.Add(name="add")(dense(x), dense(y)), name="shared")


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("make", [pf.zoo.residual_cnn, pf.zoo.simple_cnn, shared])
def test_every_node_has_its_lines(make, optimize):
    spec = make()
    training = Training(ema=0.9, accumulate=2)
    step = make_step(spec, Jax(), "mse", pf.Adam(1e-3), training, "aligned")
    program, graph = write_programs(spec, Jax(), step, Target(), optimize)
    for node in flatten(graph).nodes:
        text = "\n".join(program.lines(node.path, "forward"))
        assert " = " in text
        if node.parameters:
            assert f'params["{node.owner}.' in text or f'"{node.owner}"' in text
            made = program.lines(node.path, "construction")
            names = [f'"{node.owner}.{name}": jnp.zeros(' for name in node.parameters]
            assert all(text in name for text, name in zip(names[:1], made[:1]))
            assert len(made) == sum(p.trainable for p in node.parameters.values())
    for role, start in {
        "optimizer": "def update(",
        "loss_and_gradients": "@jax.jit",
        "apply": "def apply(",
        "train_step": "@partial(jax.jit",
    }.items():
        assert program.lines(WHOLE, role)[0].startswith(start)
    (output,) = graph.outputs
    assert program.lines(output, "loss")[0] == "def loss_fn(output, target):"

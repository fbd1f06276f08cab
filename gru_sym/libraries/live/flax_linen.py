"""Flax linen: cells of one step."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, step_by_step

DISTRIBUTION = "flax"
LAYOUT = "flax_linen"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """JAX computes in float64 once `jax_enable_x64` is set."""
    return EXACT


def run(question: Question) -> Answer:
    """Build the cell, fill it, run it, read it. Its carry is (c, h) for an LSTM."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from flax import linen
    from flax.traverse_util import flatten_dict, unflatten_dict

    dtype = jax.numpy.dtype(question.dtype)
    cell = getattr(linen, question.layer)(**question.options, dtype=dtype, param_dtype=dtype)

    def carry(states: tuple[Any, ...]) -> Any:
        return states[0] if len(states) == 1 else states[::-1]

    first = carry(tuple(state[0] for state in question.states))
    own = cell.init(jax.random.key(0), first, question.x[0])["params"]
    shapes = {name: array.shape for name, array in flatten_dict(own, sep="/").items()}
    tensors = dict(question.tensors)
    assert shapes == {name: tensor.shape for name, tensor in tensors.items()}
    filled = {"params": unflatten_dict(tensors, sep="/")}

    def step(x: Any, *states: Any) -> Any:
        last, _ = cell.apply(filled, carry(states), x)
        return (last,) if len(states) == 1 else last[::-1]

    outputs, last = step_by_step(jax.jit(step), question.x, question.states)
    count = sum(array.size for array in jax.tree.leaves(own))
    return Answer(outputs, last, count, flatten_dict(filled["params"], sep="/"))

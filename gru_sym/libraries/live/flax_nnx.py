"""Flax nnx: cells of one step."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, step_by_step

DISTRIBUTION = "flax"
LAYOUT = "flax_nnx"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """JAX computes in float64 once `jax_enable_x64` is set."""
    return EXACT


def run(question: Question) -> Answer:
    """Build the cell, fill it, run it, read it. Its carry is (c, h) for an LSTM."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from flax import nnx
    from flax.traverse_util import flatten_dict

    dtype = jax.numpy.dtype(question.dtype)
    cell = getattr(nnx, question.layer)(
        **question.options, dtype=dtype, param_dtype=dtype, rngs=nnx.Rngs(0)
    )
    own = flatten_dict(nnx.to_pure_dict(nnx.state(cell, nnx.Param)), sep="/")
    own = {name: array for name, array in own.items() if array is not None}
    count = sum(array.size for array in own.values())
    for name, tensor in question.tensors.items():
        *path, last_name = name.split("/")
        place = cell
        for part in path:
            place = getattr(place, part)
        getattr(place, last_name)[...] = jax.numpy.asarray(tensor)

    def step(x: Any, *states: Any) -> Any:
        last, _ = cell(states[0] if len(states) == 1 else states[::-1], x)
        return (last,) if len(states) == 1 else last[::-1]

    outputs, last = step_by_step(nnx.jit(step), question.x, question.states)
    filled = flatten_dict(nnx.to_pure_dict(nnx.state(cell, nnx.Param)), sep="/")
    return Answer(outputs, last, count, {name: filled[name] for name in own})

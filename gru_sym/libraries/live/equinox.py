"""Equinox: cells of one step."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, step_by_step

DISTRIBUTION = "equinox"
LAYOUT = "equinox"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """JAX computes in float64 once `jax_enable_x64` is set."""
    return EXACT


def run(question: Question) -> Answer:
    """Build the cell, fill it, run it, read it."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import equinox

    cell = getattr(equinox.nn, question.layer)(**question.options, key=jax.random.key(0))
    names = list(question.tensors)
    cell = equinox.tree_at(
        lambda c: [getattr(c, name) for name in names],
        cell,
        [jax.numpy.asarray(question.tensors[name]) for name in names],
    )

    def step(x: Any, *states: Any) -> Any:
        found = jax.vmap(cell)(x, states[0] if len(states) == 1 else states)
        return (found,) if len(states) == 1 else found

    outputs, last = step_by_step(jax.jit(step), question.x, question.states)
    arrays = jax.tree.leaves(equinox.filter(cell, equinox.is_array))
    count = sum(array.size for array in arrays)
    return Answer(outputs, last, count, {name: getattr(cell, name) for name in names})

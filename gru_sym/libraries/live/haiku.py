"""Haiku: cores of one step."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, step_by_step

DISTRIBUTION = "dm-haiku"
LAYOUT = "haiku"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """JAX computes in float64 once `jax_enable_x64` is set."""
    return EXACT


def run(question: Question) -> Answer:
    """Build the core, fill it, run it, read it. An LSTM's state is (hidden, cell)."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import haiku

    lstm = len(question.states) > 1

    def one(x: Any, *states: Any) -> Any:
        cell = getattr(haiku, question.layer)(**question.options)
        _, last = cell(x, haiku.LSTMState(*states) if lstm else states[0])
        return tuple(last) if lstm else (last,)

    core = haiku.without_apply_rng(haiku.transform(one))
    own = core.init(jax.random.key(0), question.x[0], *(s[0] for s in question.states))
    filled = {
        module: {name: question.tensors[f"{module}/{name}"] for name in arrays}
        for module, arrays in own.items()
    }
    outputs, last = step_by_step(
        jax.jit(lambda x, *states: core.apply(filled, x, *states)), question.x, question.states
    )
    count = haiku.data_structures.tree_size(own)
    read = {
        f"{module}/{name}": a for module, arrays in filled.items() for name, a in arrays.items()
    }
    return Answer(outputs, last, count, read)

"""MLX on the processor."""

from __future__ import annotations

from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question

DISTRIBUTION = "mlx"
LAYOUT = "mlx"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """Its sigmoid of a float64 is that of a float32."""
    if layer == "RNN":
        return EXACT
    return Precision(
        "float64", 1e-6, "float64, but mlx.core.sigmoid of it has the accuracy of float32"
    )


def run(question: Question) -> Answer:
    """Build the layer, fill it, run it, read it."""
    import mlx.core as mx
    import mlx.nn
    import numpy as np
    from mlx.utils import tree_flatten

    mx.set_default_device(mx.cpu)
    layer = getattr(mlx.nn, question.layer)(**question.options)
    layer.update(
        {k: mx.array(v, dtype=getattr(mx, v.dtype.name)) for k, v in question.tensors.items()}
    )
    x = np.ascontiguousarray(question.x.swapaxes(0, 1))
    given = [
        mx.array(a, dtype=getattr(mx, a.dtype.name)) for a in (x, *(s[0] for s in question.states))
    ]
    found = layer(*given)
    every = [np.array(a) for a in (found if isinstance(found, tuple) else (found,))]
    parameters = dict(tree_flatten(layer.parameters()))
    return Answer(
        every[0].swapaxes(0, 1),
        tuple(states[:, -1][None] for states in every),
        sum(array.size for array in parameters.values()),
        {name: np.array(array) for name, array in parameters.items()},
    )

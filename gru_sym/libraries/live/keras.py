"""Keras 3 on PyTorch's arrays, the backend with which most of it computes in float64."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from typing import Any

from gru_sym.libraries.live import EXACT, Answer, Precision, Question, environment

DISTRIBUTION = "keras"
LAYOUT = "keras"


def precision(layer: str, options: dict[str, Any]) -> Precision:
    """Where the layer's products pass through `keras.ops.matmul`, float64 becomes float32."""
    if layer == "SimpleRNN" or options.get("reset_after") is False:
        return Precision(
            "float64", 1e-6, "float32: on PyTorch's arrays, keras.ops.matmul of float64 returns it"
        )
    return EXACT


@lru_cache
def _keras() -> Any:
    """Keras, which reads its backend on import and writes a file into a folder of its own."""
    with (
        tempfile.TemporaryDirectory() as home,
        environment(KERAS_BACKEND="torch", KERAS_HOME=home),
    ):
        import keras
    return keras


def run(question: Question) -> Answer:
    """Build the layer, fill it, run it, read it."""
    import numpy as np

    keras = _keras()
    states, directions = len(question.states), 1 + question.bidirectional
    name = {"GRU": "gru", "LSTM": "lstm", "SimpleRNN": "simple_rnn"}[question.layer]
    layer = getattr(keras.layers, question.layer)(
        **question.options,
        return_sequences=True,
        return_state=True,
        dtype=question.dtype,
        name=name,
    )
    if question.bidirectional:
        layer = keras.layers.Bidirectional(layer, dtype=question.dtype)
    x = question.x.swapaxes(0, 1)
    layer.build(x.shape)
    parts = 1 + 2 * question.bidirectional
    weights = {"/".join(w.path.split("/")[-parts:]): w for w in layer.weights}
    for key, tensor in question.tensors.items():
        weights[key].assign(tensor)
    first = [s[d] for d in range(directions) for s in question.states]
    outputs, *last = layer(x, initial_state=[keras.ops.convert_to_tensor(s) for s in first])
    arrays = [state.detach().numpy() for state in last]
    return Answer(
        outputs.detach().numpy().swapaxes(0, 1),
        tuple(np.stack(arrays[s::states]) for s in range(states)),
        layer.count_params(),
        {key: weights[key].value.detach().numpy() for key in question.tensors},
    )

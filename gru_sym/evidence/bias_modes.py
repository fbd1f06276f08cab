"""cuDNN's own names: the gates of its cells, and which biases they have."""

from __future__ import annotations

from enum import IntEnum

GATES = {"RNN_TANH": 1, "LSTM": 4, "GRU": 3}
"""The gates of each kind of cell; in cuDNN's order, as in PyTorch's, h; i, f, g, o; r, z, n."""

MATHS = ("default", "fma")
"""How float32 is multiplied: with TF32, and without."""

RESULT_MATHS = {"float64": "default", "float32": "fma"}
"""In which arithmetic results are compared: without TF32."""


class BiasMode(IntEnum):
    """cudnnRNNBiasMode_t. The number of bias vectors per gate is `vectors`.

    >>> {mode.name: GATES["GRU"] * mode.vectors for mode in BiasMode}
    {'NONE': 0, 'SINGLE_INP': 3, 'DOUBLE': 6, 'SINGLE_REC': 3}

    SINGLE_INP has the biases beside W @ x and SINGLE_REC those beside U @ h. That differs in one
    place only, the candidate of a GRU: there r multiplies a bias of SINGLE_REC.
    """

    NONE = 0
    SINGLE_INP = 1
    DOUBLE = 2
    SINGLE_REC = 3

    @property
    def vectors(self) -> int:
        """Bias vectors per gate: 0, 1 or 2."""
        return {BiasMode.NONE: 0, BiasMode.DOUBLE: 2}.get(self, 1)

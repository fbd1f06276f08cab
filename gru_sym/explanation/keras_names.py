"""Keras' numbers of weights, `layers/gru/cell/vars/0`, and the names that its layouts know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NUMBERED = re.compile(r"(.*?)(?:/(forward|backward)_layer)?/cell/vars/([012])")
NAMES = ("kernel", "recurrent_kernel", "bias")
KINDS = {1: "simple_rnn", 3: "gru", 4: "lstm"}
"""By how many gates lie side by side in the recurrent kernel."""

INSIDE = "model.weights.h5"
"""The file of weights in a .keras archive."""


def named(found: Mapping[str, Any]) -> dict[str, Any]:
    """Keras' numbers in a layer, as the names of its weights.

    >>> import numpy as np
    >>> list(named({"layers/gru/cell/vars/0": np.ones((5, 9)),
    ...     "layers/gru/cell/vars/1": np.ones((3, 9))}))
    ['layers/gru/kernel', 'layers/gru/recurrent_kernel']
    """
    result = {}
    for name, array in found.items():
        match = NUMBERED.fullmatch(name)
        if match is None:
            result[name] = array
            continue
        own = NAMES[int(match[3])]
        if match[2]:
            rows, columns = getattr(found.get(f"{name[:-1]}1"), "shape", (1, 0))
            kind = KINDS.get(columns // rows, "cell")
            own = f"{match[2]}_{kind}/{kind}_cell/{own}"
        result[f"{match[1]}/{own}"] = array
    return result

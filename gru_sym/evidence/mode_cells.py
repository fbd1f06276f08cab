"""The cells that cuDNN's bias modes may be."""

from __future__ import annotations

from functools import lru_cache

from gru_sym.cells import Cell
from gru_sym.evidence.bias_modes import GATES, BiasMode
from gru_sym.lookup import cell
from gru_sym.transform import drop, merge, rename, without_biases

KINDS = {"GRU": ("gru.pytorch", "rzn"), "LSTM": ("lstm.pytorch", "ifgo")}
"""The cell with all biases, and its gates in cuDNN's order."""


@lru_cache
def inside() -> Cell:
    """A GRU with one bias a gate, where the reset gate multiplies the candidate's.

    >>> print(inside().text.splitlines()[-2])
    n  = tanh(W_in @ x + r * (W_hn @ h + b_n))
    """
    without = drop(cell("gru.merged"), ["b_in"])
    return rename(without, {"b_hn": "b_n"}, name="gru.flux, b_n inside")


@lru_cache
def cells_of(kind: str, mode: BiasMode) -> tuple[Cell, ...]:
    """The cells whose results a mode's may be, the one expected first.

    >>> [c.name for c in cells_of("GRU", BiasMode.SINGLE_REC)]
    ['gru.flux, b_n inside', 'gru.flux']
    >>> [str(cells_of("LSTM", mode)[0].biases()) for mode in BiasMode]
    ['0', '4*n', '8*n', '4*n']

    A single bias of the candidate of a GRU stands outside the product with r ("gru.flux") or
    inside it; anywhere else there is one place for it.
    """
    whole = cell(KINDS[kind][0])
    if mode is BiasMode.NONE:
        return (without_biases(whole),)
    if mode is BiasMode.DOUBLE:
        return (whole,)
    if kind == "LSTM":
        return (merge(whole),)
    outside = cell("gru.flux")
    return (outside, inside()) if mode is BiasMode.SINGLE_INP else (inside(), outside)


def region_of(kind: str, mode: BiasMode, name: str) -> tuple[int, str]:
    """The region of cuDNN's weight space that holds a parameter: linLayerID, matrix or bias.

    >>> region_of("GRU", BiasMode.DOUBLE, "W_hz"), region_of("GRU", BiasMode.SINGLE_REC, "b_n")
    ((4, 'matrix'), (5, 'bias'))
    """
    variable, place = name.split("_")
    if len(place) == 1:  # one bias a gate: its name does not say where cuDNN keeps it
        place = ("h" if mode is BiasMode.SINGLE_REC else "i") + place
    gate = KINDS[kind][1].index(place[1])
    what = {"W": "matrix", "b": "bias"}[variable]
    return gate + (GATES[kind] if place[0] == "h" else 0), what

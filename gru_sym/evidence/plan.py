"""What a record measures: the cells, the sizes, how often, and until when."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""One flat line of a section: text, numbers, true or false, null."""

SEEDS = {"parameters": 0, "inputs": 1, "order": 2}
"""Of the generators. The numbers that torch draws are the same only on the same kind of device."""


REFERENCE = "gru.pytorch"
"""The cell whose time is shown; of the others, ratios."""

DESIGNS = (REFERENCE, "gru.merged", "gru.flux", "gru.answer", "gru.dey_salem")
"""Reset after the product with 6n, 4n and 3n biases; reset before it with 6n and 3n."""

COMPILED = (REFERENCE, "gru.merged", "gru.flux", "gru.dey_salem")

FORWARD, BOTH = "forward", "forward and backward"
"""The work: for inference, or with the gradients of every parameter and of the input."""

WORKS = {"eager": (FORWARD, BOTH), "graph": (FORWARD,)}
"""What is timed of each form of generated code."""

WHATS = ("outputs", "gradients")
"""What is compared with the library."""

ARITHMETICS = (
    ("float64", False),
    ("float32", False),
    ("float32", True),
    ("float16", False),
    ("bfloat16", False),
)
"""The dtype, and whether TF32 may be used, which is an arithmetic of GPUs."""

STACKS = ((1, 1), (1, 2), (2, 1), (3, 2))
"""Layers and directions of which parameters are counted."""

LAYERS = {"GRU": "gru.pytorch", "LSTM": "lstm.pytorch"}
"""The library's layers, and their cells."""


TIME_OVER = "the time for the record was over"


class Absent(Exception):
    """Why something is not measured here: one sentence. No fault."""


@dataclass(frozen=True)
class Shape:
    """Steps, batch, input size and hidden size.

    >>> Shape(64, 32, 256, 512).row()
    {'T': 64, 'B': 32, 'm': 256, 'n': 512}
    """

    T: int
    B: int
    m: int
    n: int

    def __str__(self) -> str:
        return f"{self.T}, {self.B}, {self.m}, {self.n}"

    def row(self) -> Row:
        """The four sizes, as they begin a row."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """One record.

    Attributes
    ----------
    device : "cuda" or "cpu".
    dry : whether the times mean nothing.
    layers : (m, n) of the layers whose parameters are counted.
    accuracy : shapes at which generated code and library are compared.
    bias_results : shapes at which the results of cuDNN's bias modes are.
    speed : shapes at which times are taken.
    compiled : the one shape at which code is compiled; T is small, since every step is compiled.
    blocks : how often everything that is timed is made anew.
    rounds : how often each time is taken in a block.
    compile_seconds : a compilation is not begun if less time is left.
    deadline : on the clock of time.monotonic(), when to stop.
    """

    device: str
    dry: bool
    layers: tuple[tuple[int, int], ...]
    accuracy: tuple[Shape, ...]
    bias_results: tuple[Shape, ...]
    speed: tuple[Shape, ...]
    compiled: Shape
    blocks: int
    rounds: int
    compile_seconds: float
    deadline: float = math.inf


def full_plan(device: str) -> Plan:
    """What takes a few minutes. A GPU is asked for more: a CPU would take an hour for it."""
    cpu = Plan(
        device="cpu",
        dry=False,
        layers=((1, 1), (5, 7), (8, 16), (100, 50), (1024, 1024)),
        accuracy=(
            Shape(5, 3, 4, 7),
            Shape(32, 16, 64, 64),
            Shape(16, 8, 100, 300),
            Shape(64, 32, 256, 256),
        ),
        bias_results=(Shape(5, 3, 4, 7), Shape(32, 16, 64, 64), Shape(16, 8, 100, 300)),
        speed=(Shape(64, 1, 64, 64), Shape(64, 16, 256, 256), Shape(32, 16, 1024, 1024)),
        compiled=Shape(16, 64, 256, 256),
        blocks=9,
        rounds=5,
        compile_seconds=60,
    )
    if device == "cpu":
        return cpu
    return replace(
        cpu,
        device=device,
        accuracy=(*cpu.accuracy, Shape(16, 16, 1024, 1024), Shape(4, 8, 4096, 4096)),
        speed=(Shape(64, 64, 256, 256), Shape(64, 64, 1024, 1024), Shape(32, 16, 2048, 2048)),
        rounds=12,
    )


def dry_plan(device: str) -> Plan:
    """The same in seconds: it shows that the code runs, and its times mean nothing."""
    return Plan(
        device=device,
        dry=True,
        layers=((1, 1), (5, 7)),
        accuracy=(Shape(3, 2, 4, 7), Shape(6, 4, 16, 16)),
        bias_results=(Shape(3, 2, 4, 7),),
        speed=(Shape(3, 2, 4, 5),),
        compiled=Shape(2, 2, 4, 5),
        blocks=2,
        rounds=2,
        compile_seconds=0,
    )

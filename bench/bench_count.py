"""The command line as a whole process, beside what else counts a GRU's parameters.

Bounds of the project: at most 1.6 x a bare `import sympy`, and under 70 MiB, at any size.
"""

from __future__ import annotations

import time

from processes import compare, show

from gru_sym import Cell, CellError

ROUNDS = 7
NUMEL = """
import torch
print(sum(p.numel() for p in torch.nn.GRU(128, 256).parameters()))
"""
TORCHINFO = """
import torch, torchinfo
print(torchinfo.summary(torch.nn.GRU(128, 256), verbose=0).total_params)
"""


def count(size: str, *more: str) -> list[str]:
    """The command that counts PyTorch's GRU at m = n = size."""
    return ["-m", "gru_sym", "count", "gru.pytorch", "-m", size, "-n", size, *more]


def processes() -> None:
    """Whole processes, in turn."""
    measured = compare(
        {
            "import sympy": ["-c", "import sympy"],
            "gru_sym count, 128": count("128"),
            "gru_sym count, 65536": count("65536", "--json"),
            "gru_sym count, 1000 digits": count("9" * 1000, "--json"),
            "gru_sym count, 10^9 layers": count("65536", "--layers", "1000000000"),
            "torch, sum(p.numel())": ["-c", NUMEL],
            "torchinfo.summary": ["-c", TORCHINFO],
        },
        ROUNDS,
    )  # fmt: skip
    show(measured, measured[0])


def valid_text(lines: int, terms: int) -> str:
    """A cell of that many lines, each a sum of that many products, and their sum."""
    rows = [f"a{i} = " + "+".join(f"W{i}_{j} @ x" for j in range(terms)) for i in range(lines)]
    return "\n".join([*rows, "h' = " + "+".join(f"a{i}" for i in range(lines))])


def hostile_texts() -> None:
    """The slowest refusals: 100 kB of each, in this process."""
    texts = {
        "brackets": "h' = " + "(" * 100_000,
        "one long line": "h' = " + "+".join(["h"] * 50_000),
        "minus signs": "h' = " + "-" * 100_000,
        "many lines that clash": "\n".join(f"a{i} = W{i} @ x" for i in range(5_000)),
        "long lines, valid": valid_text(lines=40, terms=300),
        "many lines, valid": valid_text(lines=300, terms=35),
    }
    print(f"\n{'100 kB of':<34} {'seconds':>9}  answer")
    for name, text in texts.items():
        start = time.perf_counter()
        try:
            answer = str(Cell(text, name).count())
        except CellError as error:
            answer = error.summary
        print(f"{name:<34} {time.perf_counter() - start:>9.3f}  {answer[:60]}")


if __name__ == "__main__":
    processes()
    hostile_texts()

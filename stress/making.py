"""What the generators of random cells share: fresh names, random sums, functions and scales."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

SMOOTH = ("sigmoid", "tanh")
ENTIRE = ("sigmoid", "tanh", "softplus", "silu", "exp")
KINKED = ("relu", "hard_sigmoid")

Kind = Callable[["Maker"], str]
KINDS: dict[str, Kind] = {}
"""Name -> a generator of cell texts."""


def kind(make: Kind) -> Kind:
    """Enter a generator under the name of its function."""
    KINDS[make.__name__] = make
    return make


class Maker:
    """Writes parts of a random cell; every name it makes is new unless it says otherwise."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.count = 0
        self.lines: list[str] = []
        self.functions: Sequence[str] = SMOOTH

    # Chance

    def pick(self, *options: str) -> str:
        """One of the options."""
        return self.random.choice(options)

    def some(self, options: Sequence[str], least: int = 0, most: int = 99) -> list[str]:
        """Some of the options, in their order."""
        number = self.random.randint(least, min(most, len(options)))
        chosen = self.random.sample(range(len(options)), number)
        return [options[i] for i in sorted(chosen)]

    def chance(self, part: float) -> bool:
        """True in that part of all cases."""
        return self.random.random() < part

    def shuffled(self, options: Sequence[str]) -> list[str]:
        """The options in another order."""
        return self.random.sample(list(options), len(options))

    # Names and lines

    def new(self, stem: str) -> str:
        """A new name: W3, b4."""
        self.count += 1
        return f"{stem}{self.count}"

    def line(self, expression: str, stem: str = "v") -> str:
        """A line that computes a new value; its name."""
        name = self.new(stem)
        self.lines.append(f"{name} = {expression}")
        return name

    def declare(self, name: str, size: str | int) -> str:
        """Declare the size of a name; the name."""
        self.lines.append(f"{name}: {size}")
        return name

    def scalar(self) -> str:
        """A declared scalar parameter."""
        return self.declare(self.new("s"), 1)

    def state(self, name: str, expression: str) -> None:
        """The line of a next state."""
        self.lines.append(f"{name}' = {expression}")

    def text(self) -> str:
        """The text so far, without values that nothing reads and declarations of names not used."""
        while True:
            kept = [line for i, line in enumerate(self.lines) if self._needed(i, line)]
            if kept == self.lines:
                return "\n".join(kept)
            self.lines = kept

    def _needed(self, index: int, line: str) -> bool:
        name = line.split("=")[0].split(":")[0].strip()
        if name.endswith("'") or (name == "x" and ":" in line):
            return True
        word = re.compile(rf"\b{name}\b")
        others = (t for i, t in enumerate(self.lines) if i != index and "=" in t)
        reads = any(word.search(t.split("=")[1]) for t in others)
        return reads or (":" in line and f"{name}' =" in "\n".join(self.lines))

    # Expressions

    def f(self, expression: str) -> str:
        """A function of an expression."""
        return f"{self.pick(*self.functions)}({expression})"

    def number(self) -> str:
        """A small number."""
        return self.pick("2", "3", "0.5", "0.1", "1.5", "4")

    def sum(self, terms: Sequence[str]) -> str:
        """A sum in random order, here and there with a minus."""
        first, *rest = self.shuffled(terms)
        return first + "".join(f" {self.pick('+', '+', '+', '-')} {term}" for term in rest)

    def kernel(self, data: str) -> str:
        """A new kernel applied to data."""
        data = data if data.replace("'", "").isidentifier() else f"({data})"
        return f"{self.new('W')} @ {data}"

    def affine(self, *data: str, biases: int | None = None) -> str:
        """Kernels applied to the data, and up to two biases."""
        biases = self.random.choice((0, 1, 1, 1, 2)) if biases is None else biases
        return self.sum([*(self.kernel(d) for d in data), *(self.new("b") for _ in range(biases))])

    def gate(self, *data: str) -> str:
        """A line that computes a function of an affine sum; its name."""
        return self.line(self.f(self.affine(*data)), "g")

    def scaled(self, expression: str) -> str:
        """Perhaps a vector, a scalar or a number times the expression."""
        by = self.random.random()
        if by < 0.4:
            return expression
        scale = self.new("d") if by < 0.65 else self.scalar() if by < 0.85 else self.number()
        return f"{scale} * ({expression})"

    def mixed(self, gate: str, old: str, new: str) -> str:
        """A gate between the old and the new, in one of the usual ways."""
        return self.pick(
            f"(1 - {gate}) * {old} + {gate} * {new}",
            f"{gate} * {old} + (1 - {gate}) * {new}",
            f"{old} + {gate} * ({new} - {old})",
            f"{gate} * {old} + {new}",
            f"{gate} * {new}",
        )


def cell_text(name: str, seed: int, number: int) -> str:
    """The cell of a kind that belongs to a seed and a number, the same in every process."""
    maker = Maker(f"{seed}:{name}:{number}")
    return KINDS[name](maker)

"""Settings of the calculator, and what Python says of them, for tests in node and in a browser."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from gru_sym.web.choices import Choice, choices

SIZES = (1, 2, 3, 8, 100, 65_536, 10**12, 10**40 + 7)
LAYERS = (1, 1, 2, 3, 17, 1_000, 65_536)


@cache
def every_choice() -> list[Choice]:
    return choices()


def settings(number: int, seed: int) -> list[tuple[Choice, dict[str, Any]]]:
    """Layers with the settings of the fields that ask for them, evenly over all choices."""
    draw = random.Random(seed)  # noqa: S311
    found = []
    for i in range(number):
        choice = every_choice()[i % len(every_choice())]
        both, layers = draw.random() < 0.4, draw.choice(LAYERS)
        sizes = {s: draw.choice(SIZES) + draw.randrange(9) for s in ("m", *choice.cell.size_names)}
        if "p" in sizes:
            sizes["n"] = sizes["p"] + draw.randrange(1, 9)
        fields = {s: str(value) for s, value in sizes.items()}
        state = {"p": "", **fields, "key": choice.key, "biases": choice.biases}
        found.append((choice, state | {"L": str(layers), "both": both}))
    return found


def counted(choice: Choice, state: dict[str, Any]) -> list[str] | None:
    """Count, weights and biases by the package, as the page groups their digits."""
    sizes = {s: int(state[s]) for s in choice.cell.size_names}
    try:
        layer = choice.stack(int(state["L"]), state["both"])
    except ValueError:
        return None
    return [f"{number(**sizes):,}" for number in (layer.count, layer.weights, layer.biases)]


COUNTED = """states.map((state) => {
  const now = read(state);
  if (Object.keys(now.faults).length) return null;
  const { number, split } = answer(now);
  return [number, ...split.match(/[\\d,]+(?= weights| biases)/g)];
})"""
"""The same by the calculator."""

"""The same cells in two processes that hash names differently: the answers must be one text."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SIZES = ({"m": 1, "n": 1}, {"m": 2, "n": 2})


def differing(texts: list[str]) -> list[tuple[str, str, str]]:
    """The cells whose answers differ under two hash seeds, with both answers."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "stress.hashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    answers = [json.loads(each.communicate(json.dumps(texts))[0]) for each in running]
    return [
        (text, one, other) for text, one, other in zip(texts, *answers, strict=True) if one != other
    ]


def _answer(text: str) -> str:
    from gru_sym import Cell, CellError, effective_count, redundancy

    try:
        cell = Cell(text)
        parts = [effective_count(cell), redundancy(cell)]
        for sizes in SIZES:
            at = {name: sizes.get(name, 3) for name in cell.size_names}
            parts.append(effective_count(cell, **at))
        return "\n".join(map(str, parts))
    except (CellError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"crash: {type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps([_answer(text) for text in json.load(sys.stdin)]))

"""Write what is known of every layer, so that `explain` takes no SymPy: after a change of a cell.

    python tools/write_known.py

One line a library's form or a cell, so that a change is seen where it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gru_sym
from gru_sym.explanation.deriving import everything

OUT = Path(gru_sym.__file__).parent / "explanation" / "known.json"


def text() -> str:
    """The file, as it must be."""
    known = everything()
    libraries = ",\n".join(f"{json.dumps(k)}: {_library(v)}" for k, v in known["libraries"].items())
    cells = ",\n".join(f"{json.dumps(k)}: {_line(v)}" for k, v in known["cells"].items())
    return f'{{"libraries": {{\n{libraries}\n}},\n"cells": {{\n{cells}\n}}}}\n'


def _library(record: dict[str, Any]) -> str:
    forms = ",\n".join(map(_line, record["forms"]))
    about = _line({name: record[name] for name in ("title", "ends")}).removesuffix("}")
    return f'{about}, "forms": [\n{forms}]}}'


def _line(record: object) -> str:
    return json.dumps(record, ensure_ascii=False)


if __name__ == "__main__":
    OUT.write_text(text(), encoding="utf-8")
    print(f"{OUT.stat().st_size:,} bytes in {OUT}")

"""The calculator as a script, and as the HTML that is there before the script runs.

The page is written once, in JavaScript: at build time node runs the same script that the browser
runs, so that what is served is what the script would have shown.
"""

from __future__ import annotations

import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from gru_sym.web.data import calculator_data
from gru_sym.web.node import node

STATIC = Path(__file__).parent / "static"
SOURCES = ("counting.js", "drawing.js", "answer.js", "form.js", "page.js")
FACE = "DATA, START, read, answer, calculator, readSize"
"""What the script shows of itself."""

WITHOUT_SCRIPT = (
    "<noscript><p>With JavaScript this follows your library and your sizes. Without it, here is "
    "PyTorch's GRU with m = 128 and n = 256.</p></noscript>"
)


@lru_cache
def script() -> str:
    """The script with its data: a classic one, so that it also runs from a folder."""
    data = json.dumps(calculator_data(), separators=(",", ":"), ensure_ascii=False)
    parts = [(STATIC / name).read_text(encoding="utf-8") for name in SOURCES]
    parts = [re.sub(r"(?m)^\s*//.*\n|^\s+", "", part) for part in parts]  # a light page
    shared = f"globalThis.gruCalculator = {{ {FACE} }};"
    return "\n".join(
        ["(() => {", '"use strict";', f"const DATA = {data};", *parts, shared, "})();", ""]
    )


@lru_cache
def calculator_html() -> str:
    """The calculator for PyTorch's GRU with m = 128 and n = 256, complete without a script."""
    html: str = evaluate("calculator(START)")
    return f'<div class="gru-calculator" id="gru-calculator">{WITHOUT_SCRIPT}{html}</div>'


def evaluate(expression: str) -> Any:
    """The value of an expression in the calculator's functions, found by node.

    >>> evaluate("readSize('1e5')")
    {'fault': 'Write it out: 100000.'}

    Raises `NoNode` where there is none.
    """
    asked = f"(({{ {FACE} }}) => ({expression}))(gruCalculator)"
    done = subprocess.run(  # noqa: S603 - our own script
        [node(), "-"],
        input=f"{script()}\nprocess.stdout.write(JSON.stringify({asked}))",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"node: {done.stderr.strip()}")
    return json.loads(done.stdout)

"""Run every library of the atlas and write down what it said, into book/data/atlas.json.

    make atlas-record

Needs all libraries of requirements-atlas.txt; `tests/test_atlas.py` runs them again and compares.
"""

import datetime
import json
import platform
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from gru_sym.libraries.live import RUNNERS
from gru_sym.libraries.live.running import absent, cases, run

TARGET = Path(__file__).resolve().parent.parent / "book" / "data" / "atlas.json"


def main() -> int:
    """Write the record; 2 where a library is missing."""
    if missing := absent():
        print(f"not installed: {', '.join(missing)}; make atlas installs them", file=sys.stderr)
        return 2
    warnings.simplefilter("error")
    rows = [asdict(run(case)) for runner in RUNNERS for case in cases(runner)]
    head = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    start = json.dumps(head).removesuffix("}")
    TARGET.write_text(f'{start}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(rows)} rows of {len(RUNNERS)} libraries in {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`gpu`: measure on a GPU, or on the CPU, and record what it says."""

from __future__ import annotations

import argparse
import sys

from gru_sym.cli.arguments import BadInput, Commands, Once, Unsound
from gru_sym.cli.streams import tell


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("gpu", help="check and measure on a GPU, and record what it says")
    command.add_argument(
        "--record", action=Once, metavar="FILE", required=True, help="the JSON file to write"
    )
    command.add_argument(
        "--device",
        action=Once,
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: the same without cuDNN and CUDA graphs",
    )
    command.add_argument("--dry", action="store_true", help="in small, to see that it runs")
    command.add_argument(
        "--commit", action=Once, metavar="ID", help="of these sources, where git cannot tell"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """What was recorded, in short; each part is told on standard error when it is done."""
    try:
        from gru_sym import measure, provenance
        from gru_sym.records import problems
    except ModuleNotFoundError as error:
        raise BadInput(f"this command needs {error.name}, which is not installed") from error
    provenance.target(options.record)  # before minutes of work
    record = measure.record(
        options.device,
        dry=options.dry,
        commit=options.commit,
        save=lambda record: provenance.write(options.record, record),
        progress=lambda line: tell(sys.stderr, line),
    )
    wrong = list(problems(record))
    wrong += [f"{part}: {why}" for part, why in record.absent.items() if "failed" in why]
    verdict = "\n".join(["this does not hold:", *wrong]) if wrong else "every count and error holds"
    answer = f"{record}\n{len(record.rows)} rows in {options.record}; {verdict}"
    if wrong:
        raise Unsound(answer)
    return answer

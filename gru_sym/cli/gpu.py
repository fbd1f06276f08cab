"""`gpu`: check and measure on a GPU, and record what it says."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from gru_sym.cli.arguments import BadInput, Commands, Once, Unsound
from gru_sym.cli.streams import tell


def add(commands: Commands) -> None:
    """What the command takes."""
    gpu = commands.add_parser("gpu", help="check and measure on a GPU, and record what it says")
    gpu.add_argument(
        "--record", action=Once, metavar="FILE", required=True, help="the JSON file to write"
    )
    gpu.add_argument(
        "--device",
        action=Once,
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: the same but cuDNN",
    )
    gpu.add_argument("--dry", action="store_true", help="in small, to see that it runs")
    gpu.add_argument(
        "--commit", action=Once, metavar="ID", help="of these sources, where git cannot tell"
    )
    gpu.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """What was recorded, in short."""
    try:
        from gru_sym.gpu.record import main_record
    except ModuleNotFoundError as error:
        raise BadInput(f"this command needs {error.name}, which is not installed") from error
    name = Path(options.record).name  # where it lies on that machine is nobody's business
    words = ["python", "-m", "gru_sym", "gpu", "--record", name, "--device", options.device]
    words += ["--dry"] * options.dry
    words += ["--commit", options.commit] if options.commit else []
    report = main_record(
        options.record,
        options.device,
        dry=options.dry,
        command=shlex.join(words),
        commit=options.commit,
        progress=lambda line: tell(sys.stderr, line),
    )
    if report.problems:
        raise Unsound(str(report))
    return str(report)

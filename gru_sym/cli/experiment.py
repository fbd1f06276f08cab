"""`experiment`: cells at equal budgets, two biases against one, capacity; into one record."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from gru_sym.cli.arguments import BadInput, Commands, Once
from gru_sym.cli.streams import tell

WIDTH = 24
"""Of the progress bar."""


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "experiment", help="train cells at equal budgets, and record what came of it"
    )
    command.add_argument(
        "--record",
        action=Once,
        metavar="FILE",
        required=True,
        help="the JSON file to write; a run that was interrupted goes on from it",
    )
    command.add_argument(
        "--device", action=Once, choices=("cuda", "cpu"), help="cuda where there is one"
    )
    command.add_argument("--miniature", action="store_true", help="in small: seconds, not minutes")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """What the record says; on standard error a bar, and a sentence if it is interrupted."""
    try:
        import torch

        from gru_sym.experiment import verdicts, whole
        from gru_sym.experiment.threads import one_thread
        from gru_sym.provenance import write

        import_module("sklearn.datasets")  # before the minutes of work that come first
    except ModuleNotFoundError as error:
        raise BadInput(f"this command needs {error.name}, which is not installed") from error
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("PyTorch sees no CUDA device here; --device cpu runs on the CPU")
    plan = (whole.MINIATURE if options.miniature else whole.FULL).on(device)
    units = plan.units()
    with one_thread():
        record = whole.begin(options.record, plan, device, dry=options.miniature)
        try:
            whole.go_on(record, units, lambda made: write(options.record, made), _bar)
        except KeyboardInterrupt:
            done = len(units) - len(whole.left(record, units))
            tell(
                sys.stderr,
                f"\ninterrupted: {done} of {len(units)} parts are in {options.record}; the same "
                "command goes on from there",
            )
            raise
    return verdicts.summary(record)


def _bar(done: int, of: int, name: str) -> None:
    """One line that is written over where there is a terminal, and a line each time elsewhere."""
    full = WIDTH * done // of
    line = f"[{'#' * full}{'.' * (WIDTH - full)}] {done}/{of}  {name}"
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}" + "\n" * (done == of))
        sys.stderr.flush()
    else:
        tell(sys.stderr, line)

"""What a command takes: its parser, and options that several commands share.

Nothing here reads SymPy: `cells` does, which turns these words into cells and sizes.
"""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn, TypeAlias

from gru_sym.language.source import normal

CELL_HELP = "a catalogue id, a file of equations, or - for standard input"
MODEL_HELP = f"{CELL_HELP}; or a model: 'embedding 10000 x 128; gru.keras 256 both; dense 10'"
LAYER_OPTIONS = (
    "layers",
    "widths",
    "bidirectional",
    "merge",
    "no_bias",
    "learn_initial_state",
    "share_directions",
    "share_layers",
)
"""What `add_whole` adds, as attributes."""


class BadInput(Exception):
    """What the user gave cannot be used; the message is one line."""


class Unsound(Exception):
    """A command did its work, and what it found breaks a rule; the message says which."""


class HelpAsked(Exception):
    """A parser was asked for help: the message is an answer like any other."""


class Parser(argparse.ArgumentParser):
    """A parser that prints nothing and ends nothing by itself."""

    def error(self, message: str) -> NoReturn:
        """Refuse what was given."""
        raise BadInput(message)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The words as options; what a command does not take is refused with what it does."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            sizes = any(word.isdecimal() for word in unknown) and hasattr(options, "n")
            self.error(
                f"{options.command} does not take {' '.join(unknown)}; "
                + ("sizes are given as -m 128 -n 256, and " if sizes else "")
                + f"what it takes is said by {self.prog} {options.command} --help"
            )
        return options

    def print_help(self, file: object = None) -> NoReturn:
        """Answer with the help."""
        raise HelpAsked(self.format_help().rstrip("\n"))


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What a command adds itself to."""


class Once(argparse.Action):
    """An option that is given once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value, or refuse the second one."""
        seen = f"{self.dest} was given"  # the value does not tell: it may be the default
        if hasattr(namespace, seen):
            parser.error(f"{option_string} is given twice")
        setattr(namespace, seen, True)
        setattr(namespace, self.dest, values)


def add_cell(command: Parser, what: str = CELL_HELP) -> None:
    """The cell that a command is about."""
    command.add_argument("cell", metavar="CELL", help=what)


def add_whole(
    command: Parser, what: str = MODEL_HELP, layers: str = "number of stacked layers"
) -> None:
    """A cell in its layers, or a model: what it is, its sizes, how it is stacked; and `--json`.

    `cells.read_whole` and `cells.sizes_given` read them.
    """
    add_cell(command, what)
    command.add_argument("-m", action=Once, type=positive, metavar="INPUT", help="input size")
    command.add_argument("-n", action=Once, type=positive, metavar="HIDDEN", help="hidden size")
    command.add_argument(
        "--set", type=assignment, action="append", default=[], metavar="k=4", help="any other size"
    )
    command.add_argument("--layers", action=Once, type=positive, metavar="L", help=layers)
    command.add_argument("--bidirectional", action="store_true", help="both directions")
    command.add_argument(
        "--merge",
        action=Once,
        choices=("concat", "sum", "ave", "mul"),
        help="what becomes of the outputs of both (concat: side by side)",
    )
    command.add_argument("--no-bias", action="store_true", help="the cell without its biases")
    command.add_argument(
        "--learn-initial-state", action="store_true", help="the first states are trained"
    )
    for shared in ("directions", "layers"):
        command.add_argument(
            f"--share-{shared}", action="store_true", help=f"one set of parameters for all {shared}"
        )
    if what == MODEL_HELP:
        command.add_argument(
            "--widths",
            action=Once,
            nargs="+",
            metavar="n",
            help="the hidden size of each layer, in place of -n and --layers",
        )
    add_json(command)


def add_json(command: Parser) -> None:
    """The answer for programs."""
    command.add_argument("--json", action="store_true", help="one JSON object on one line")


def positive(text: str) -> int:
    """A size, of any length; also as summaries print numbers, 65,536 or 65_536."""
    text = re.sub(r"(?<=\d)[,_](?=\d{3}(?!\d))", "", text)
    if not re.fullmatch(r"[0-9]+", text) or not text.strip("0"):
        raise argparse.ArgumentTypeError(
            f"a size is a positive whole number, such as 128, not {text!r}"
        )
    return int(text)


def number(text: str) -> int:
    """A number of parameters."""
    try:
        return positive(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"a number of parameters is a positive whole number, such as 100000, not {text!r}"
        ) from None


def assignment(text: str) -> tuple[str, int]:
    """A size with its name, as in k=4."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"write a size as k=4, not {text!r}")
    return normal(name), positive(value)

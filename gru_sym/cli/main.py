"""Words in, exit status out: 0 done, 2 with one line on standard error for bad input.

The command is imported inside `main`, and SymPy with it: an interrupt is quiet also then.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from gru_sym.cli.arguments import BadInput, HelpAsked, Parser, Unsound
from gru_sym.cli.streams import tell, write
from gru_sym.language.errors import CellError

COMMANDS = (
    "list",
    "show",
    "count",
    "effective",
    "budget",
    "cost",
    "explain",
    "convert",
    "code",
    "draw",
    "gpu",
    "experiment",
)
"""Each is a module of this package, with `add(commands)` and `run(options)`."""

MODULE = "python -m gru_sym"
SCRIPT = "gru-sym"


def as_module() -> int:
    """`python -m gru_sym`, as a process."""
    return _process(MODULE)


def as_script() -> int:
    """`gru-sym`, as a process."""
    return _process(SCRIPT)


def _process(prog: str) -> int:
    """Run `main`; an interrupt ends the process as it ends any other, without a word."""
    try:
        return main(prog=prog)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
        return 130  # where a signal does not end a process


def main(arguments: Sequence[str] | None = None, *, prog: str = MODULE) -> int:
    """Run one command: 0 if done, 2 with one line on standard error for bad input.

    An answer is written whole or, with 2, not at all. What was done and breaks a rule is 1.

    >>> main(["count", "gru.pytorch", "-m", "8", "-n", "16"])
    1248 parameters in gru.pytorch with m = 8, n = 16
    = 3*m*n + 3*n**2 + 6*n
    = 3(n² + nm + 2n)
    1152 weights, 96 biases
    0
    """
    with _numbers_of_any_length():
        try:
            answer, status = _answer(sys.argv[1:] if arguments is None else arguments, prog)
        except (BadInput, ValueError, OSError) as error:
            return _refuse(error.summary if isinstance(error, CellError) else str(error), prog)
        except RecursionError:
            return _refuse("this cell is nested too deeply", prog)
    try:
        write(sys.stdout, answer)
    except OSError as error:
        return _refuse(f"the answer cannot be written: {error.strerror or error}", prog)
    return status


def _answer(arguments: Sequence[str], prog: str) -> tuple[str, int]:
    try:
        words = [_word(argument) for argument in arguments]
        options = _parser(prog, words).parse_args(words or ["--help"])
        return options.run(options), 0
    except HelpAsked as asked:
        return str(asked), 0
    except Unsound as report:
        return str(report), 1


def _refuse(message: str, prog: str) -> int:
    tell(sys.stderr, f"{prog.split()[-1]}: {' '.join(message.split())}")
    return 2


def _parser(prog: str, words: Sequence[str] = ()) -> Parser:
    """What reads the words; of a command that they begin with, that command alone is imported."""
    parser = Parser(
        prog=prog, description="Count the parameters of a recurrent cell from its equations."
    )
    commands = parser.add_subparsers(required=True, metavar=" | ".join(COMMANDS), dest="command")
    for name in words[:1] if {*words[:1]} & {*COMMANDS} else COMMANDS:
        import_module(f"gru_sym.cli.{name}").add(commands)
    return parser


def _word(argument: str) -> str:
    """A file of equations whose name begins like an option's is a file all the same."""
    is_file = argument.startswith("-") and argument.endswith((".cell", ".txt"))
    return f"./{argument}" if is_file and os.path.exists(argument) else argument


@contextmanager
def _numbers_of_any_length() -> Iterator[None]:
    """Python refuses to print or read very long numbers; sizes have any length."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)

"""`explain`: which recurrent layers a model file has; or which have a number of parameters."""

from __future__ import annotations

import argparse
import sys

from gru_sym.cli.arguments import BadInput, Commands, Once, add_json, number, positive


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser(
        "explain", help="the recurrent layers of a model file, or those that have so many"
    )
    command.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a file of weights (.safetensors, .pt, .npz, .h5, .keras, .onnx ...); it is not run",
    )
    command.add_argument(
        "--count",
        action=Once,
        type=number,
        metavar="N",
        help="instead of a file: the layers and sizes that have N parameters",
    )
    command.add_argument("-m", action=Once, type=positive, metavar="INPUT", help="with --count")
    command.add_argument("-n", action=Once, type=positive, metavar="HIDDEN", help="with --count")
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The layers of the file, the rest, and the total; or the layers that have a number."""
    if (options.file is None) == (options.count is None):
        raise BadInput("explain takes a FILE or --count N, one of them")
    if options.count is not None:
        from gru_sym.explanation.counts import explain_count

        answer = explain_count(options.count, m=options.m, n=options.n)
        return answer.json() if options.json else answer.text()
    if options.m is not None or options.n is not None:
        raise BadInput("-m and -n belong to --count; the sizes of a file are in it")
    from gru_sym.explanation.explained import Explanation
    from gru_sym.explanation.explaining import contents_of

    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)  # the numbers of a file are not a user's
    try:
        contents = contents_of(options.file)
    except OSError as error:
        raise BadInput(f"{options.file} cannot be read: {error.strerror or error}") from error
    finally:
        sys.set_int_max_str_digits(limit)
    found = Explanation(contents)
    return found.json() if options.json else found.text()

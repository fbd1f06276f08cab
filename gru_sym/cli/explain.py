"""`explain`: which recurrent layers a model file has, and how many parameters."""

from __future__ import annotations

import argparse
import sys

from gru_sym.cli.arguments import BadInput, Commands, add_json


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("explain", help="the recurrent layers of a model file")
    command.add_argument(
        "file", metavar="FILE", help="a .safetensors, .npz, .npy, .pt or .pth file; it is not run"
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """The layers of the file, the rest, and the total."""
    from gru_sym.explanation.explaining import contents_of, explained

    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)  # the numbers of a file are not a user's
    try:
        contents = contents_of(options.file)
    except OSError as error:
        raise BadInput(f"{options.file} cannot be read: {error.strerror or error}") from error
    finally:
        sys.set_int_max_str_digits(limit)
    found = explained(contents)
    return found.json() if options.json else found.text()

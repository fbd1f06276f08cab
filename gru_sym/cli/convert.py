"""`convert`: the tensors of a layer of one library, as another library stores them."""

from __future__ import annotations

import argparse
import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

from gru_sym.cli.arguments import BadInput, Commands, Once, add_json
from gru_sym.cli.streams import printable, tell


def add(commands: Commands) -> None:
    """What the command takes."""
    command = commands.add_parser("convert", help="a layer's weights from one library to another")
    for name, what in (
        ("FROM", "the library"),
        ("TO", "the library"),
        ("IN", "a file"),
        ("OUT", "a file"),
    ):
        command.add_argument(name.lower(), metavar=name, nargs="?", help=what)
    command.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="encoder.gru",
        help="where the layer is in the file; several are a stack, the lowest first",
    )
    for end in ("from", "to"):
        command.add_argument(f"--{end}-layer", action=Once, metavar="GRU", help="which layer it is")
        command.add_argument(
            f"--{end}-option",
            type=_option,
            action="append",
            default=[],
            metavar="reset_after=False",
            help="an option of that layer",
        )
    command.add_argument(
        "--keep-rest", action="store_true", help="copy the other tensors of the file, unchanged"
    )
    command.add_argument("--force", action="store_true", help="replace OUT")
    command.add_argument(
        "--table", action=Once, metavar="GRU", help="instead: which layers can become which"
    )
    add_json(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> str:
    """Convert a file, or show the table of what can be converted."""
    names = [options.__dict__[name] for name in ("from", "to", "in", "out")]
    if options.table is not None:
        if any(name is not None for name in names):
            raise BadInput("--table takes no files")
        return _table(options)
    if None in names:
        raise BadInput("convert takes FROM TO IN OUT, such as keras pytorch in.npz out.safetensors")
    return _convert(options, *names)


def _table(options: argparse.Namespace) -> str:
    from gru_sym.conversion.table import conversion_table, conversions, kind_table

    if options.json:
        rows = [
            {
                "from": {"library": row.source.library, "layer": row.source.layer},
                "to": {"library": row.target.library, "layer": row.target.layer},
                "verdict": row.verdict,
                "why": row.why,
            }
            for row in conversions(options.table)
        ]
        return json.dumps({"family": options.table.lower(), "conversions": rows})
    return f"{kind_table(options.table)}\n\n{conversion_table(options.table)}"


def _convert(options: argparse.Namespace, source: str, target: str, in_: str, out: str) -> str:
    from gru_sym.conversion.converting import convert
    from gru_sym.conversion.files import Tensors, check_target, read, write
    from gru_sym.libraries.layout import layout

    for library in (source, target):
        layout(library)
    before, after = Path(in_), Path(out)
    if after.exists() and before.exists() and os.path.samefile(before, after):
        raise BadInput(f"{in_} and {out} are one file; write to another one")
    check_target(after, options.force)
    own_kind = after.suffix.lower() in (".h5", ".keras")
    if own_kind and (options.keep_rest or target != "keras"):
        raise BadInput(f"{out} can hold Keras' recurrent layers alone; write another kind of file")
    given = read(before)
    found = convert(
        given.arrays,
        source,
        target,
        layer=options.layer or None,
        from_layer=options.from_layer,
        from_options=dict(options.from_option),
        to_layer=options.to_layer,
        to_options=dict(options.to_option),
    )
    notes = list(found.notes)
    rest = {*found.rest}
    own = [name for name in given.arrays if name not in rest]
    start = found.prefix if options.keep_rest else ""
    written = Tensors({start + name: a for name, a in found.items()}, options=found.options)
    if given.bfloat16.issuperset(own):
        written.bfloat16 |= written.arrays.keys()
    elif given.bfloat16 & {*own}:
        notes.append(
            "some of the layer's tensors are bfloat16 and some are not: float32 is written"
        )
    if options.keep_rest:
        if twice := sorted(rest & written.arrays.keys()):
            raise BadInput(f"{twice[0]} is a tensor of the rest and of the converted layer")
        written.arrays |= {name: given.arrays[name] for name in found.rest}
        written.bfloat16 |= given.bfloat16 & rest
    elif rest:
        shown = ", ".join(list(found.rest)[:4]) + (", ..." if len(rest) > 4 else "")
        notes.append(f"left out, {len(rest)} other tensors: {shown}; --keep-rest copies them")
    if written.bfloat16 and (own_kind or after.suffix.lower() == ".npz"):
        whose = "HDF5" if own_kind else "NumPy"
        notes.append(f"{whose} has no bfloat16: float32 is written, which is exact")
    write(after, written, replace=options.force)
    if options.json:
        return json.dumps(
            {
                "from": {"library": source, "layer": found.source},
                "to": {"library": target, "layer": found.target},
                "verdict": found.passage.verdict,
                "tensors": {name: list(array.shape) for name, array in found.items()},
                "notes": notes,
                "out": out,
            }
        )
    for note in notes:
        tell(sys.stderr, f"{printable(in_)}: {printable(note)}")
    lines = [
        f"{name} {tuple(array.shape)}" for name, array in written.arrays.items() if name not in rest
    ]
    return "\n".join(
        [f"{source} {found.source} -> {target} {found.target}: {found.passage.verdict}", *lines]
    )


def _option(text: str) -> tuple[str, Any]:
    """An option of a layer, as in reset_after=False."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"write an option as reset_after=False, not {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return name, value

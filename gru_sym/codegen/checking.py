"""The check of its arguments that generated code begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gru_sym.cells import Cell
from gru_sym.codegen.dialects import Library
from gru_sym.codegen.reading import output_first
from gru_sym.language.shapes import Shape
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import Size


def check(library: Library, cell: Cell) -> str:
    """The text of `check(parameters, x, states, time)`; `time` is the axis of the steps, if any.

    With constants and further inputs it is `check(parameters, constants, x, inputs, states, time)`.
    """
    shapes, further = cell.sizes.shapes, cell.inputs[1:]
    kinds = ["parameters", "SHAPES", *(["constants", "CONSTANTS"] if cell.constants else [])]
    pairs = list(zip(kinds[::2], kinds[1::2], strict=True))
    fixed, inputs = "constants, " * bool(cell.constants), "inputs, " * bool(further)
    return TEMPLATE.format(
        array=library.array,
        array_title=library.array_title,
        not_floating=library.not_floating,
        x_shape=f"({quoted(shapes[INPUT][0])},)",
        states=_sizes(shapes, output_first(cell)),
        devices=DEVICES if library.on_one_device else "",
        names="".join(
            NAMES.format(given=given, kind=given[:-1], shapes=known) for given, known in pairs
        ),
        arguments=f"parameters, {fixed}x, {inputs}states",
        all=f'"x": x, {"**inputs, " * bool(further)}**parameters, '
        f"{'**constants, ' * bool(cell.constants)}**states",
        constants=MORE_ARRAYS if cell.constants else "",
        inputs=INPUTS.format(sizes=_sizes(shapes, further)) if further else "",
        blocks=IN_BLOCKS.format(blocks=_listed(shares(cell))) if shares(cell) else "",
    )


def _listed(rows: Iterable[Iterable[Size]]) -> str:
    return "[" + ", ".join(f"({', '.join(map(quoted, row))})" for row in rows) + "]"


def shares(cell: Cell) -> tuple[tuple[Size, Size, Size], ...]:
    """The sizes that kernels of blocks divide: the whole, the number of blocks, the share."""
    found: dict[tuple[Size, Size, Size], None] = {}
    for name, number in cell.sizes.blocks.items():
        for whole, share in zip(cell.sizes.shapes[name], cell.sizes.stored(name)[1:], strict=True):
            if isinstance(share, str):
                found[whole, number, share] = None
    return tuple(found)


def _sizes(shapes: Mapping[str, Shape], vectors: Iterable[str]) -> str:
    """The shapes of vectors without their batch axes, as a dictionary; a long one on some lines."""
    items = [f'"{name}": ({quoted(shapes[name][0])},)' for name in vectors]
    short = "{" + ", ".join(items) + "}"
    inside = "".join(f"            {item},\n" for item in items)
    return short if len(short) <= LONGEST else f"{{\n{inside}        }}"


def quoted(size: Size) -> str:
    """A size as Python writes it: the name of a symbol, or a number."""
    return f'"{size}"' if isinstance(size, str) else str(size)


LONGEST = 60
"""The longest dictionary on one line."""

DEVICES = """        if array.device != x.device:
            raise ValueError(f"{name} is on {array.device}; expected the device of x, {x.device}")
"""

NAMES = """    for name in {shapes}:
        if name not in {given}:
            raise ValueError(f"the {kind} {{name}} is missing; its shape is {{{shapes}[name]}}")
    for name in {given}:
        if name not in {shapes}:
            raise ValueError(f"{{name}} is not a {kind}; they are {{', '.join({shapes})}}")
"""

MORE_ARRAYS = """\
    arrays += [fit(name, constants[name], shape) for name, shape in CONSTANTS.items()]
"""

IN_BLOCKS = """
    for size, blocks, share in {blocks}:
        whole = sizes.get(blocks, (blocks,))[0] * sizes[share][0]
        if (found := sizes.get(size, (whole,)))[0] != whole:
            why = f"{{size}} is {{found[0]}} in {{found[1]}}"
            raise ValueError(f"{{why}}, but the blocks have {{whole}}")"""

INPUTS = """    for name, array in inputs.items():
        fit(name, array, {sizes}[name], tuple(x.shape[:-1]))
"""

TEMPLATE = '''def check({arguments}, time=None):
    """The parameters, in the order of SHAPES. An error names what does not fit."""
    sizes = {{}}

    def fit(name, array, shape, batch=()):
        if array.dtype != x.dtype:
            raise ValueError(f"{{name}} has dtype {{array.dtype}}; expected that of x, {{x.dtype}}")
{devices}        given = tuple(array.shape)
        if len(given) == len(batch) + len(shape):
            for size, number in zip(shape, given[len(batch) :]):
                if isinstance(size, str):
                    sizes.setdefault(size, (number, name))
        known = {{size: sizes[size] for size in shape if size in sizes}}
        wanted = (*batch, *(known.get(size, (size,))[0] for size in shape))
        if given != wanted:
            why = [f", as {{s}} is {{n}} in {{at}}" for s, (n, at) in known.items() if at != name]
            raise ValueError(f"{{name}} has shape {{given}}; expected {{wanted}}{{''.join(why)}}")
        return array

{names}    if time is not None:  # the first state of a sequence may be left out
        states = {{name: state for name, state in states.items() if state is not None}}
    for name, array in {{{all}}}.items():
        if not isinstance(array, {array}):
            raise TypeError(f"{{name}} must be {array_title}, not {{type(array).__name__}}")
    if {not_floating}:
        raise ValueError(f"x has dtype {{x.dtype}}; expected a floating-point one")
    if time is not None and (x.ndim < 2 or x.shape[time] == 0):
        raise ValueError(f"x has shape {{tuple(x.shape)}}; expected one step or more, and features")
    arrays = [fit(name, parameters[name], shape) for name, shape in SHAPES.items()]
{constants}    fit("x", x, {x_shape}, tuple(x.shape[:-1]))
{inputs}    batch = tuple({{None: x.shape[:-1], 0: x.shape[1:-1], -2: x.shape[:-2]}}[time])
    for name, state in states.items():
        fit(name, state, {states}[name], batch){blocks}
    return arrays'''

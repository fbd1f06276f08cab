"""The check of its arguments that generated code begins with."""

from __future__ import annotations

from collections.abc import Mapping

from gru_sym.codegen.dialects import Library
from gru_sym.language.shapes import Shape
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import Size


def check(library: Library, shapes: Mapping[str, Shape], states: tuple[str, ...]) -> str:
    """The text of `check(parameters, x, states, time)`; `time` is the axis of the steps, if any."""
    sizes = ", ".join(f'"{state}": ({quoted(shapes[state][0])},)' for state in states)
    return TEMPLATE.format(
        array=library.array,
        array_title=library.array_title,
        not_floating=library.not_floating,
        x_shape=f"({quoted(shapes[INPUT][0])},)",
        states="{" + sizes + "}",
        devices=DEVICES if library.on_one_device else "",
    )


def quoted(size: Size) -> str:
    """A size as Python writes it: the name of a symbol, or a number."""
    return f'"{size}"' if isinstance(size, str) else str(size)


DEVICES = """        if array.device != x.device:
            raise ValueError(f"{name} is on {array.device}; expected the device of x, {x.device}")
"""

TEMPLATE = '''def check(parameters, x, states, time=None):
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

    for name in SHAPES:
        if name not in parameters:
            raise ValueError(f"the parameter {{name}} is missing; its shape is {{SHAPES[name]}}")
    for name in parameters:
        if name not in SHAPES:
            raise ValueError(f"{{name}} is not a parameter; they are {{', '.join(SHAPES)}}")
    if time is not None:  # the first state of a sequence may be left out
        states = {{name: state for name, state in states.items() if state is not None}}
    for name, array in {{"x": x, **parameters, **states}}.items():
        if not isinstance(array, {array}):
            raise TypeError(f"{{name}} must be {array_title}, not {{type(array).__name__}}")
    if {not_floating}:
        raise ValueError(f"x has dtype {{x.dtype}}; expected a floating-point one")
    if time is not None and (x.ndim < 2 or x.shape[time] == 0):
        raise ValueError(f"x has shape {{tuple(x.shape)}}; expected one step or more, and features")
    arrays = [fit(name, parameters[name], shape) for name, shape in SHAPES.items()]
    fit("x", x, {x_shape}, tuple(x.shape[:-1]))
    batch = tuple({{None: x.shape[:-1], 0: x.shape[1:-1], -2: x.shape[:-2]}}[time])
    for name, state in states.items():
        fit(name, state, {states}[name], batch)
    return arrays'''

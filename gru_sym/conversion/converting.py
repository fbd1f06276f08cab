"""`convert`: the tensors of a layer of one library, as another library stores them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gru_sym.conversion.matching import Linear
from gru_sym.conversion.passages import Obstacle, Passage, passage, passage_if
from gru_sym.conversion.stacks import Place, Stack, part_of, stack_of
from gru_sym.libraries.atlas import written
from gru_sym.libraries.layout import Layout, allowed, layout
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.tensors import array_library


class CannotConvert(ValueError):
    """The target has no layer that computes the same; the message says what would be lost."""


class Converted(dict[str, Any]):
    """The tensors of the target, by its names, in its order.

    Attributes
    ----------
    source, target : the two layers, as their libraries write them.
    options : those of the target that are no sizes.
    passage : how the target's parameters are made of the source's, with the proof.
    notes : what was assumed, summed, added and left out, one sentence each.
    rest : the names of the tensors that are not the layer's.
    prefix : what stood before the layer's own names.
    """

    source: str
    target: str
    options: Mapping[str, Any]
    passage: Passage
    notes: tuple[str, ...]
    rest: tuple[str, ...]
    prefix: str


def convert(
    tensors: Mapping[str, Any],
    source: str,
    target: str,
    *,
    layer: str | Sequence[str] | None = None,
    from_layer: str | None = None,
    from_options: Mapping[str, Any] | None = None,
    to_layer: str | None = None,
    to_options: Mapping[str, Any] | None = None,
) -> Converted:
    """The tensors of a recurrent layer, as another library stores them: the same function.

    >>> import numpy as np
    >>> keras = {"kernel": np.arange(45.0).reshape(5, 9), "recurrent_kernel": np.ones((3, 9)),
    ...     "bias": np.ones((2, 9))}
    >>> found = convert(keras, "keras", "pytorch")
    >>> {name: array.shape for name, array in found.items()}
    {'weight_ih_l0': (9, 5), 'weight_hh_l0': (9, 3), 'bias_ih_l0': (9,), 'bias_hh_l0': (9,)}
    >>> found["weight_ih_l0"][:3, 0], found.target  # the reset gate comes first
    (array([3., 4., 5.]), 'GRU(bias=True)')
    >>> found.passage.verdict, bool(found.passage.proof)
    ('exact', True)

    Equinox stores the sums of two of the three pairs of biases. Haiku's GRU applies the reset gate
    before the product, so it cannot hold this function:

    >>> {name: array.shape for name, array in convert(keras, "keras", "equinox").items()}
    {'weight_ih': (9, 5), 'weight_hh': (9, 3), 'bias': (9,), 'bias_n': (3,)}
    >>> convert(keras, "keras", "equinox").notes[0]
    'summed, each sum rounded once in float64: b_r = b_ir + b_rr, b_z = b_iz + b_rz; the function
    is the same, the parts cannot be told apart afterwards'
    >>> convert(keras, "keras", "haiku")
    Traceback (most recent call last):
    gru_sym.conversion.converting.CannotConvert: GRU() of Haiku 0.0.17 has no place for
    U_h and b_rh of GRU(reset_after=True, use_bias=True), gru.keras: it would be the same function
    if they were exactly 0, and here the largest number in them is 1

    A layer of a model, and a layer that has to be named:

    >>> model = {f"encoder.{name}": array for name, array in found.items()} | {"out": np.ones(3)}
    >>> convert(model, "pytorch", "onnx", layer="encoder")["B"].shape
    (1, 18)

    Parameters
    ----------
    tensors : by their names; NumPy arrays, torch tensors or whatever is sliced as they are.
    source, target : libraries that have a layout.
    layer : where the layer is, if the tensors are those of a larger model: what stands before its
        own names. Several are a stack, the lowest first.
    from_layer, from_options : which layer of the source it is, such as "GRU" and
        `{"reset_after": False}`, where names and shapes do not tell.
    to_layer, to_options : which layer of the target it becomes; without them the first one into
        which nothing has to be summed, then the first one there is.

    Returns
    -------
    The target's tensors, a dictionary with `notes`. They share no memory with those given. Where
    the target has no layer of several levels or of two directions, each is a layer of its own, and
    its names begin with `1/`, `backward/` or `1/backward/`; so they are read, too.

    Raises
    ------
    CannotConvert : a ValueError. The target cannot hold the function, unless some parameters are 0,
        and these are not: the message names them.
    ValueError : for tensors that are not a layer of the source, or options that do not exist.

    Numbers are moved, their signs changed, and biases summed, in the arrays' own type: a sum of two
    rounds once.
    """
    old, new = layout(source), layout(target)
    stack = stack_of(tensors, old, layer, from_layer, from_options or {})
    found, made = _way(stack, new, to_layer, to_options or {})
    packed = _pack(stack, found, made)
    notes = [*_assumed(stack, old), *_said(found, stack, made, new)]
    converted = Converted(packed)
    converted.source, converted.target = written(stack.stored.form), written(made.form)
    options = made.form.options.items()
    converted.options = {k: v for k, v in options if not isinstance(v, SizeOf)}
    converted.passage = found
    own = {name for part in stack.whole for name in part.names}
    converted.rest = tuple(name for name in tensors if name not in own)
    first = stack.whole[0]
    at = first.names[0]
    converted.prefix = at[: len(first.prefix)]
    converted.notes = tuple(notes)
    return converted


def _way(
    stack: Stack, library: Layout, layer: str | None, options: Mapping[str, Any]
) -> tuple[Passage, StoredLayer]:
    """The best layer of the target, or part of a stack, with the passage to it."""
    cell = stack.stored.layer.cell
    ranks = ("exact", "after merging", "exact, with zeros", "exact, with copies")
    ways: list[tuple[tuple[int, int], Passage, StoredLayer]] = []
    blocked: list[tuple[Obstacle, StoredLayer]] = []
    for place, form in enumerate(allowed(library, layer, options)):
        both = stack.both and form.has_directions
        whole = form.has_levels and both == stack.both
        one = stored_layer(form, stack.height if whole else 1, both, ())
        found = passage(cell, one.layer.cell)
        if not found and found.zero is None:
            continue
        if stack.states and not form.trained_states and not _all_zero(stack.states, None):
            names = tuple(next(iter(stack.states.values())))
            blocked.append((Obstacle(cell, one.layer.cell, names), one))
        elif isinstance(found, Passage):
            ways.append(((ranks.index(found.verdict), place), found, one))
        else:
            assert found.zero is not None
            if _all_zero(stack.places, found.zero):
                way = passage_if(cell, one.layer.cell, found.zero)
                assert way is not None
                ways.append(((len(ranks), place), way, one))
            else:
                blocked.append((found, one))
    if ways:
        _, found, one = min(ways, key=lambda way: way[0])
        return found, one
    raise CannotConvert(_refusal(stack, library, blocked, layer, options))


def _all_zero(places: Mapping[Place, Mapping[str, Any]], names: Sequence[str] | None) -> bool:
    """Whether parameters are exactly 0, at every level and in every direction."""
    return all(
        bool((array == 0).all())
        for own in places.values()
        for name, array in own.items()
        if names is None or name in names
    )


def _refusal(
    stack: Stack,
    library: Layout,
    blocked: Sequence[tuple[Obstacle, StoredLayer]],
    layer: str | None,
    options: Mapping[str, Any],
) -> str:
    """What cannot be converted, and under which condition it could be."""
    what = f"{written(stack.stored.form)}, {stack.stored.cell_id}"
    wanted = [f"{name}={value!r}" for name, value in options.items()]
    target = f"{layer or 'layer'}{' with ' + ', '.join(wanted) if wanted else ''}"
    if not blocked:
        return f"no {target} of {library.title} computes what {what} does"
    obstacle, one = min(blocked, key=lambda each: len(each[0].zero or ()))
    zero = obstacle.zero or ()
    largest = max(
        float(abs(array).max())
        for own in (*stack.places.values(), *stack.states.values())
        for name, array in own.items()
        if name in zero and array.shape and 0 not in array.shape
    )
    names = " and ".join(zero) if len(zero) < 3 else ", ".join(zero)
    were, them = ("they were", "them") if len(zero) > 1 else (f"{names} was", "it")
    return (
        f"{written(one.form)} of {library.title} has no place for {names} of {what}: it "
        f"would be the same function if {were} exactly 0, and here the largest number in {them} is "
        f"{largest:.3g}"
    )


def _pack(stack: Stack, found: Passage, one: StoredLayer) -> dict[str, Any]:
    """The target's tensors; levels and directions are layers of their own where they must be."""
    packed: dict[str, Any] = {}
    like = next(iter(stack.places[0, 0].values()))
    height = int(str(one.layer.num_layers))
    apart = stack.both and not one.layer.bidirectional
    whole = replace(stack.stored.layer, bidirectional=stack.both)
    for level in range(0, stack.height, height):
        # The input of a layer of its own above the first is that of this level.
        sizes = whole.sizes_at(level, dict(stack.sizes))
        for direction in range(1 + apart):
            named = {}
            for p in one.layer.parameters:
                place = (level + p.level, direction + p.direction)
                shape = tuple(int(axis.subs(sizes)) for axis in p.shape)
                if p.role == "initial state":
                    state = f"{found.states[p.in_cell[:-1]]}0"
                    named[p.name] = stack.states.get(place, {}).get(state, _zeros(shape, like))
                else:
                    terms = found.parameters[p.in_cell]
                    named[p.name] = _sum(terms, stack.places[place], shape, p.name)
            start = part_of(level if height < stack.height else None, direction if apart else None)
            for name, array in one.pack(named).items():
                packed[start + name] = _own(array)
    return packed


def _sum(terms: Linear, arrays: Mapping[str, Any], shape: tuple[int, ...], name: str) -> Any:
    """A sum of parameters, in their own type."""
    total: Any = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a sum that is too large is refused below
        for part, number in terms.items():
            array = arrays[part] if abs(number) == 1 else arrays[part] * float(abs(number))
            if total is None:
                total = -array if number < 0 else array
            else:
                total = total - array if number < 0 else total + array
    if total is None:
        return _zeros(shape, next(iter(arrays.values())))
    if len(terms) > 1:
        library = array_library(total)
        finite = all(bool(library.isfinite(arrays[part]).all()) for part in terms)
        if finite and not bool(library.isfinite(total).all()):
            raise CannotConvert(f"{name} is a sum that is too large for {total.dtype}")
    return total


def _zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros of the type of another array, and on its device."""
    library = array_library(like)
    on = {"device": like.device} if library.__name__ == "torch" else {}
    return library.zeros(shape, dtype=like.dtype, **on)


def _own(array: Any) -> Any:
    """A copy whose last axis is contiguous."""
    if hasattr(array, "contiguous"):
        return array.contiguous().clone()
    return array.copy() if hasattr(array, "copy") else array


def _assumed(stack: Stack, library: Layout) -> list[str]:
    first = stack.whole[0]
    if not first.others:
        return []
    own, *others = (written(each.form) for each in (first.stored, *first.others))
    fit = " or ".join(others)
    return [f"names and shapes fit {fit} of {library.title} as well: {own} is assumed"]


def _said(found: Passage, stack: Stack, one: StoredLayer, library: Layout) -> list[str]:
    """What happened to the numbers, beyond being moved."""
    notes = []
    if found.zero:
        which = ", ".join(found.zero)
        notes.append(f"{which} are exactly 0 here: with others there would be no such layer")
    if found.sums:
        sums = ", ".join(f"{name} = {text}" for name, text in found.sums.items())
        dtype = next(iter(stack.places[0, 0].values())).dtype
        notes.append(
            f"summed, each sum rounded once in {str(dtype).removeprefix('torch.')}: {sums}; the "
            f"function is the same, the parts cannot be told apart afterwards"
        )
    if found.copied:
        copies = ", ".join(f"{name} = {text}" for name, text in found.copied.items())
        notes.append(f"one parameter in several places, no longer tied: {copies}")
    if found.negated:
        signs = ", ".join(f"{name} = {text}" for name, text in found.negated.items())
        notes.append(f"with the other sign: {signs}")
    if one.layer.directions < 1 + stack.both or int(str(one.layer.num_layers)) < stack.height:
        notes.append(f"every level or direction is a layer of its own in {library.title}")
    if found.added:
        notes.append(
            f"0, since the source has nothing for them: {', '.join(found.added)} of {library.title}"
        )
    return notes

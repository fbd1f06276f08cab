"""Recurrent layers among tensors: by what the model says, by names, and by shapes alone.

`find` knows every library and takes no SymPy; `recognise` has one library to look for, and says
what is wrong where there is nearly a layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gru_sym.explanation.contents import Contents, Given, Tensor
from gru_sym.explanation.known import KnownForm, KnownLayer, known, known_forms
from gru_sym.libraries.fitting import fit
from gru_sym.libraries.naming import Paths, Place, SizeOf, plain

if TYPE_CHECKING:
    from gru_sym.libraries.layout import Layout
    from gru_sym.libraries.layout_text import Form
    from gru_sym.libraries.stored import StoredLayer

WRAPPED = (
    (re.compile(r"(.*?)parametrizations\.(\w+)\.original[01]?"), r"\1\2"),
    (re.compile(r"(.*?\w+)_(?:g|v|orig)"), r"\1"),
)
"""What weight normalisation and pruning in PyTorch make of a tensor's name."""

NUMBERED = re.compile(r"(?:.*[./])?(?:arr_|w|param_?)?\d+")
"""Names that say nothing."""


@dataclass(frozen=True)
class Found:
    """The tensors of a layer, and everything that it can be; the most usual first."""

    prefix: str
    fits: tuple[KnownLayer, ...]
    tensors: tuple[Tensor, ...]
    evidence: str


def find(contents: Contents, tensors: Sequence[Tensor]) -> tuple[list[Found], list[Tensor]]:
    """The recurrent layers among tensors of a model, and the tensors that belong to none."""
    pool = {tensor.name: tensor for tensor in tensors}
    wrapped = _unwrapped(tensors)
    found = [f for given in contents.given if (f := _given(given, pool, wrapped))]
    _take(pool, found)
    if not pool:
        return found, []
    named = _by_names(pool, wrapped)
    _take(pool, named)
    shaped = _by_shapes(list(pool.values()))
    _take(pool, shaped)
    return [*found, *named, *shaped], list(pool.values())


def _take(pool: dict[str, Tensor], found: Iterable[Found]) -> None:
    for layer in found:
        for tensor in layer.tensors:
            pool.pop(tensor.name, None)


def _unwrapped(tensors: Sequence[Tensor]) -> dict[str, str]:
    """By the name of every tensor that layer of which it is; a wrapped one's has its plain name."""
    names = {tensor.name for tensor in tensors}
    found = {tensor.name: tensor.called or tensor.name for tensor in tensors}
    for name in names:
        for pattern, bare in WRAPPED:
            match = pattern.fullmatch(name)
            if match and match.expand(bare) not in names:
                found[name] = match.expand(bare)
                break
    return found


def _given(given: Given, pool: Mapping[str, Tensor], wrapped: Mapping[str, str]) -> Found | None:
    """A layer that the model names: its options are known, its tensors have its prefix."""
    start = f"{given.prefix}." if given.prefix else ""
    options = dict(given.options)
    levels, both = options.pop("num_layers", 1), bool(options.pop("bidirectional", False))
    for form in (form for form in known_forms(given.library) if form.layer == given.layer):
        told: dict[str, int] = {}
        for name, value in options.items():
            own = form.options.get(name)
            if isinstance(own, SizeOf) and value:
                told[own.size] = value
            elif name in form.options and own != value:
                break
        else:
            wanted = form.axes(levels, both)
            names = {start + name for name in wanted}
            tensors = tuple(pool[n] for n in pool if wrapped[n] in names)
            if {wrapped[tensor.name] for tensor in tensors} != names:
                continue
            layer = KnownLayer(form, levels, both, told)
            if told.keys() < {*layer.size_names}:
                shapes = {wrapped[t.name].removeprefix(start): t.shape for t in tensors}
                sizes = fit(wanted, shapes)
                if sizes is None or not told.items() <= sizes.items():
                    continue
                layer = _sized(layer, sizes)
            return Found(given.prefix, (layer,), tensors, "the model")
    return None


def _by_names(pool: Mapping[str, Tensor], wrapped: Mapping[str, str]) -> list[Found]:
    """Layers whose tensors have the names and the shapes of a form."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[KnownLayer]] = {}
    by_path = {plain(wrapped[name]): name for name in pool}
    paths = Paths(by_path)
    for library, record in known()["libraries"].items():
        if paths.by_end.keys().isdisjoint(record["ends"]):
            continue
        for naming in dict.fromkeys(form.naming for form in known_forms(library)):
            own = [form for form in known_forms(library) if form.naming == naming]
            lines = dict.fromkeys(line.name for form in own for line in form.lines)
            for prefix, places in paths.places(own[0], lines).items():
                there = {path: pool[by_path[path]] for path in places.values()}
                for form in own:
                    if fitted := _fitted(form, places, there):
                        key = (prefix, tuple(sorted(fitted[1].items())))
                        groups.setdefault(key, []).append(fitted[0])
    layers: list[Found] = []
    taken: set[str] = set()
    for (prefix, names), fits in sorted(groups.items(), key=lambda item: -len(item[0][1])):
        own_paths = {path for _, path in names}
        if not own_paths & taken:
            taken |= own_paths
            bare = {wrapped[by_path[path]] for path in own_paths}
            tensors = tuple(pool[name] for name in pool if wrapped[name] in bare)
            layers.append(Found(prefix.strip("/").replace("/", "."), tuple(fits), tensors, "names"))
    order = {name: position for position, name in enumerate(pool)}
    return sorted(layers, key=lambda layer: order[layer.tensors[0].name])


def _fitted(
    form: KnownForm, places: Mapping[Place, str], tensors: Mapping[str, Tensor]
) -> tuple[KnownLayer, dict[str, str]] | None:
    """The layer of a form that has all these tensors and no others; their paths by its names."""
    levels = 1 + max(place.level for place in places)
    both = any(place.direction for place in places)
    if any(line.by_direction for line in form.lines):
        first = tensors[next(iter(places.values()))]
        both = bool(first.shape) and first.shape[0] == 2
    if {at.name for at in places} != {line.name for line in form.lines} or levels > len(places):
        return None
    try:
        wanted = form.axes(levels, both)
    except ValueError:
        return None
    names = {form.tensor_name(at.name, at.level, at.direction, both): p for at, p in places.items()}
    if names.keys() != wanted.keys():
        return None
    sizes = fit(wanted, {name: tensors[path].shape for name, path in names.items()})
    if sizes is None or (len(wanted) < 3 and sum(len(a) == 2 for a in wanted.values()) < 2):
        return None
    return _sized(KnownLayer(form, levels, both), sizes), names


def _sized(layer: KnownLayer, sizes: Mapping[str, int]) -> KnownLayer:
    return replace(layer, sizes={name: sizes[name] for name in layer.size_names})


def _by_shapes(tensors: list[Tensor]) -> list[Found]:
    """Layers whose tensors follow each other with the shapes of a form, whatever their names."""
    found, at = [], 0
    generic = [bool(NUMBERED.fullmatch(tensor.name)) for tensor in tensors]
    while at < len(tensors):
        for length in (4, 3, 2):
            part = tensors[at : at + length]
            if len(part) == length and all(generic[at : at + length]) and (fits := _shaped(part)):
                found.append(Found(part[0].name, fits, tuple(part), "shapes"))
                at += length
                break
        else:
            at += 1
    return found


def _shaped(tensors: Sequence[Tensor]) -> tuple[KnownLayer, ...]:
    """Every layer whose tensors have these shapes, in this order; of its forms the first."""
    fits: dict[tuple[str, str, str], KnownLayer] = {}
    for library in known()["libraries"]:
        for form in known_forms(library):
            key = (library, form.layer, form.cell.partition(" ")[0])
            wanted = form.axes(1, False)
            if len(wanted) != len(tensors) or key in fits:
                continue
            sizes = fit(wanted, {n: t.shape for n, t in zip(wanted, tensors, strict=True)})
            if sizes and (len(tensors) > 2 or not form.cell.startswith("rnn.")):
                fits[key] = _sized(KnownLayer(form), sizes)
    return tuple(fits.values())


@dataclass(frozen=True)
class Recognised:
    """A layer of one library among tensors.

    Attributes
    ----------
    prefix : what stands before the library's own names.
    stored : the layer, by its library.
    tensors : by the library's own names.
    names : of its tensors, as they are given.
    others : what it can be as well, where neither names nor shapes tell.
    """

    prefix: str
    stored: StoredLayer
    tensors: Mapping[str, Any]
    names: tuple[str, ...]
    others: tuple[StoredLayer, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""
        return self.prefix.strip("./") or "the layer without a prefix"


def recognise(
    tensors: Mapping[str, Any], library: Layout, forms: Iterable[Form] | None = None
) -> list[Recognised]:
    """Every layer of a library among tensors, in their order; of some of its forms, if given.

    >>> import numpy as np
    >>> from gru_sym.libraries.layout import layout
    >>> named = {"gru.kernel": np.ones((5, 9)), "gru.recurrent_kernel": np.ones((3, 9)),
    ...     "gru.bias": np.ones((2, 9)), "dense.kernel": np.ones((3, 1))}
    >>> [(found.place, found.stored.cell_id) for found in recognise(named, layout("keras"))]
    [('gru', 'gru.keras')]

    Raises `ValueError` where there is none, with the nearest miss.
    """
    from gru_sym.libraries.stored import stored_layer

    whole = {plain(name): name for name in tensors}
    if len(whole) < len(tensors):
        twice = next(name for name in tensors if whole[plain(name)] != name)
        raise ValueError(f"{twice} and {whole[plain(twice)]} are one name once . and / are alike")
    paths = Paths(whole)
    found: dict[str, list[Recognised]] = {}
    misses: list[tuple[int, int, str, str]] = []  # how many there, how many not, where, what
    for form in library.forms if forms is None else forms:
        for prefix, places in paths.places(form, [line.name for line in form.lines]).items():
            levels = 1 + max(place.level for place in places)
            for both in (True, False) if form.has_directions else (False,):
                try:
                    stored = stored_layer(form, levels, both, ())
                except ValueError:  # it cannot be stacked
                    continue
                names = {own: prefix + plain(own) for own in stored.tensors}
                if missing := [own for own, name in names.items() if name not in whole]:
                    there = len(names) - len(missing)
                    misses.append((there, len(missing), prefix, f"{prefix}{missing[0]} is missing"))
                    continue
                own = {name: tensors[whole[at]] for name, at in names.items()}
                try:
                    sizes = stored.sizes_of(own)
                except ValueError as error:
                    misses.append((len(names), 0, prefix, f"{prefix}{error}"))
                    continue
                given = tuple(whole[name] for name in names.values())
                one = Recognised(prefix, replace(stored, sizes=sizes), own, given)
                found.setdefault(prefix, []).append(one)
    # A layer without biases is not meant where one of two biases is missing or has another shape.
    most = {prefix: max(len(one.names) for one in own) for prefix, own in found.items()}
    if wrong := [(n, text) for n, _, prefix, text in misses if n > most.get(prefix, len(whole))]:
        raise ValueError(f"of a recurrent layer of {library.title}, {max(wrong)[1]}")
    if not found:
        nearest = max(misses, default=(0, 0, "", ""), key=lambda miss: (-miss[1], miss[0]))[3]
        raise ValueError(
            f"there is no recurrent layer of {library.title} among the tensors"
            + (f": {nearest}" if nearest else f" {', '.join(list(tensors)[:6])}")
        )
    return _apart(found, list(tensors))


def _apart(found: Mapping[str, list[Recognised]], order: list[str]) -> list[Recognised]:
    """One layer for each tensor: the one with the most tensors, as the library builds it first."""
    best: list[Recognised] = []
    for candidates in found.values():
        most = max(len(c.names) for c in candidates)
        first, *others = [c for c in candidates if len(c.names) == most]
        others = [c for c in others if c.stored.layer.cell is not first.stored.layer.cell]
        best.append(replace(first, others=tuple(c.stored for c in others)))
    taken: set[str] = set()
    kept = []
    for one in sorted(best, key=lambda b: -len(b.names)):
        if not taken & {*one.names}:
            taken |= {*one.names}
            kept.append(one)
    return sorted(kept, key=lambda b: order.index(b.names[0]))

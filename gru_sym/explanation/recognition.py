"""Recurrent layers among tensors: by what the model says, by names, and by shapes alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gru_sym.explanation.contents import Contents, Given, Tensor
from gru_sym.libraries.layout_text import HOLES, Form, SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer
from gru_sym.libraries.tensors import fit
from gru_sym.libraries.texts import forms
from gru_sym.libraries.texts import names as libraries

WRAPPED = (
    (re.compile(r"(.*?)parametrizations\.(\w+)\.original[01]?"), r"\1\2"),
    (re.compile(r"(.*?\w+)_(?:g|v|orig)"), r"\1"),
)
"""What weight normalisation and pruning in PyTorch make of a tensor's name."""


@dataclass(frozen=True)
class Fit:
    """A layer of a library whose tensors have these names and shapes."""

    library: str
    stored: StoredLayer

    @property
    def call(self) -> str:
        """The layer as the library writes it, with the options that are not sizes."""
        form = self.stored.form
        options = [f"{k}={v!r}" for k, v in form.options.items() if not isinstance(v, SizeOf)]
        return f"{form.layer}({', '.join(options)})"


@dataclass(frozen=True)
class Found:
    """The tensors of a layer, and everything that it can be; the most usual first."""

    prefix: str
    fits: tuple[Fit, ...]
    tensors: tuple[Tensor, ...]
    evidence: str


def find(contents: Contents, tensors: Sequence[Tensor]) -> tuple[list[Found], list[Tensor]]:
    """The recurrent layers among tensors of a model, and the tensors that belong to none."""
    pool = {tensor.name: tensor for tensor in tensors}
    wrapped = _unwrapped(tensors)
    found = [f for given in contents.given if (f := _given(given, pool, wrapped))]
    _take(pool, found)
    if not pool:  # no need of the other libraries' layouts
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
        for pattern, plain in WRAPPED:
            match = pattern.fullmatch(name)
            if match and match.expand(plain) not in names:
                found[name] = match.expand(plain)
                break
    return found


def _given(given: Given, pool: Mapping[str, Tensor], wrapped: Mapping[str, str]) -> Found | None:
    """A layer that the model names: its options are known, its tensors have its prefix."""
    start = f"{given.prefix}." if given.prefix else ""
    options = dict(given.options)
    levels, both = options.pop("num_layers", 1), bool(options.pop("bidirectional", False))
    for form in (form for form in forms(given.library) if form.layer == given.layer):
        sizes: dict[str, int] = {}
        for name, value in options.items():
            own = form.options.get(name)
            if isinstance(own, SizeOf) and value:
                sizes[own.size] = value
            elif name in form.options and own != value:
                break
        else:
            stored = stored_layer(form, levels, both, tuple(sizes.items()))
            names = {start + name for name in stored.tensors}
            tensors = tuple(pool[n] for n in pool if wrapped[n] in names)
            if {wrapped[tensor.name] for tensor in tensors} == names:
                if sizes.keys() < {*stored.layer.size_names}:
                    shapes = {wrapped[t.name].removeprefix(start): t.shape for t in tensors}
                    known = fit(stored_layer(form, levels, both, ()).axes, shapes)
                    if known is None or not sizes.items() <= known.items():
                        continue
                    order = tuple((size, known[size]) for size in stored.layer.size_names)
                    stored = stored_layer(form, levels, both, order)
                return Found(given.prefix, (Fit(given.library, stored),), tensors, "the model")
    return None


@dataclass(frozen=True)
class _Place:
    """What one name may be: a tensor of a form's naming, at a level, in a direction."""

    line: str
    level: int
    direction: int


@lru_cache
def _pattern(naming: str, line: str) -> re.Pattern[str]:
    """What a tensor of a layer is called, wherever the layer is."""
    pattern, end = "", 0
    text = naming.replace("*", line)
    for hole in HOLES.finditer(text):
        pattern += re.escape(text[end : hole.start()])
        if hole[1].startswith("level"):
            pattern += r"(?P<level>\d{1,3})"
        else:
            parts = hole[1].split("|")
            one, two = ("", parts[0]) if len(parts) == 1 else (parts[1], parts[2])
            alone = "" if len(parts) == 1 else re.escape(parts[0])
            pattern += f"(?:(?P<second>{re.escape(two)})|(?P<first>{re.escape(one)})|{alone})"
        end = hole.end()
    pattern += re.escape(text[end:])
    return re.compile(f"(?P<prefix>(?:.*?/)??){pattern}")


def _by_names(pool: Mapping[str, Tensor], wrapped: Mapping[str, str]) -> list[Found]:
    """Layers whose tensors have the names and the shapes of a form."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Fit]] = {}
    by_path = {re.sub(r"[.:]", "/", wrapped[name]): name for name in pool}
    ends = {path.rpartition("/")[2] for path in by_path}
    for library in libraries():
        for naming in dict.fromkeys(form.naming for form in forms(library)):
            own = [form for form in forms(library) if form.naming == naming]
            lines = dict.fromkeys(line.name for form in own for line in form.lines)
            places = _places(naming, list(lines), by_path, ends)
            for prefix, found in places.items():
                for form in own:
                    fitted = _fitted(form, found, pool, by_path)
                    if fitted:
                        key = (prefix, tuple(sorted(fitted[1].items())))
                        groups.setdefault(key, []).append(Fit(library, fitted[0]))
    layers: list[Found] = []
    taken: set[str] = set()
    for (prefix, names), fits in sorted(groups.items(), key=lambda item: -len(item[0][1])):
        own_names = {name for _, name in names}
        if not own_names & taken:
            taken |= own_names
            plain = {wrapped[name] for name in own_names}
            tensors = tuple(pool[name] for name in pool if wrapped[name] in plain)
            layers.append(Found(prefix.strip("/").replace("/", "."), tuple(fits), tensors, "names"))
    order = {name: position for position, name in enumerate(pool)}
    return sorted(layers, key=lambda layer: order[layer.tensors[0].name])


def _places(
    naming: str, lines: list[str], paths: Mapping[str, str], ends: set[str]
) -> dict[str, dict[_Place, str]]:
    """By prefix the places of a naming that there are, with the path of each."""
    found: dict[str, dict[_Place, str]] = {}
    for line in lines:
        pattern = _pattern(naming, line)
        end_of = HOLES.sub(lambda hole: "" if "/" in hole[0] else hole[0], naming).rpartition("/")
        last = _pattern(end_of[2], line.rpartition("/")[2])
        if not any(last.fullmatch(end) for end in ends):
            continue
        for path in paths:
            if match := pattern.fullmatch(path):
                have = match.groupdict()
                level = int(have.get("level") or 0) - ("{level+1}" in naming)
                place = _Place(line, level, 1 if have.get("second") else 0)
                key = match["prefix"]
                if have.get("first") and "|" in naming:
                    place = _Place(line, level, 0)
                found.setdefault(key, {})[place] = path
    return found


def _fitted(
    form: Form, places: Mapping[_Place, str], pool: Mapping[str, Tensor], names: Mapping[str, str]
) -> tuple[StoredLayer, dict[str, str]] | None:
    """The layer of a form that has all these tensors and no others."""
    lines = {line.name for line in form.lines if _stored(form, line.name)}
    if {place.line for place in places} != lines:
        return None
    levels = 1 + max(place.level for place in places)
    if levels > 1 and len(places) % levels:
        return None
    axis = any(line.by_direction for line in form.lines)
    both = any(place.direction for place in places)
    if axis:
        first = pool[names[next(iter(places.values()))]]
        both = bool(first.shape) and first.shape[0] == 2
    try:
        stored = stored_layer(form, levels, both, ())
        wanted = stored.axes
    except ValueError:
        return None
    by_name = {
        form.tensor_name(line, place.level, place.direction, both and not axis): path
        for line in form.lines
        for place, path in places.items()
        if place.line == line.name
    }
    if by_name.keys() != wanted.keys():
        return None
    sizes = fit(wanted, {name: pool[names[path]].shape for name, path in by_name.items()})
    if sizes is None or (len(wanted) < 3 and sum(len(a) == 2 for a in wanted.values()) < 2):
        return None
    known = tuple((name, sizes[name]) for name in stored.layer.size_names)
    layer = stored_layer(form, levels, both, known)
    return layer, {name: names[path] for name, path in by_name.items()}


@lru_cache
def _kept(form: Form) -> frozenset[str]:
    return frozenset(stored_layer(form, 1, False, ()).tensors)


def _stored(form: Form, line: str) -> bool:
    """Whether a form has this line's tensor: without biases it has none of theirs."""
    own = next(own for own in form.lines if own.name == line)
    return form.tensor_name(own, 0, 0, False) in _kept(form)


def _by_shapes(tensors: list[Tensor]) -> list[Found]:
    """Layers whose tensors follow each other with the shapes of a form, whatever their names."""
    found, at = [], 0
    generic = [bool(re.fullmatch(r"(?:.*[./])?(?:arr_|w|param_?)?\d+", t.name)) for t in tensors]
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


def _shaped(tensors: Sequence[Tensor]) -> tuple[Fit, ...]:
    """Every form whose tensors have these shapes, in this order."""
    fits: list[Fit] = []
    for library in libraries():
        for form in forms(library):
            stored = stored_layer(form, 1, False, ())
            wanted = stored.axes
            shapes = {n: t.shape for n, t in zip(wanted, tensors, strict=False)}
            if len(wanted) != len(tensors) or any(
                fit.library == library
                and fit.stored.form.layer == form.layer
                and fit.stored.cell_id == form.cell_id
                for fit in fits
            ):
                continue
            sizes = fit(wanted, shapes)
            if sizes and (len(tensors) > 2 or form.cell_id.partition(".")[0] != "rnn"):
                known = tuple((name, sizes[name]) for name in stored.layer.size_names)
                fits.append(Fit(library, stored_layer(form, 1, False, known)))
    return tuple(fits)

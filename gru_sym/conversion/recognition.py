"""The recurrent layers of one library among named tensors: by their names, then by their shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gru_sym.libraries.layout import Layout
from gru_sym.libraries.layout_text import Form, SizeOf
from gru_sym.libraries.stored import StoredLayer, stored_layer


@dataclass(frozen=True)
class Recognised:
    """A layer among tensors.

    Attributes
    ----------
    prefix : what stands before the library's own names.
    stored : the layer, by its library.
    tensors : by the library's own names.
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


def plain(name: str) -> str:
    """A name as it is compared: parts of a path are parted by one sign, TensorFlow's :0 is gone.

    >>> plain("cell.ir.kernel"), plain("gru/kernel:0")
    ('cell/ir/kernel', 'gru/kernel')
    """
    return name.replace(".", "/").removesuffix(":0")


def allowed(library: Layout, layer: str | None, options: Mapping[str, Any]) -> Iterator[Form]:
    """The forms of a library with this name and these options.

    Raises `ValueError` where there is none.
    """
    if layer is not None:
        library.layer(layer, **options)
    known = {name for form in library.forms for name in form.options}
    if unknown := sorted(options.keys() - known):
        raise ValueError(
            f"no layer of {library.title} has an option {unknown[0]}; there are "
            f"{', '.join(sorted(known))}"
        )
    found = [
        form
        for form in library.forms
        if layer in (None, form.layer)
        and all(name in form.options and fits(form, name, v) for name, v in options.items())
    ]
    if not found:
        wanted = ", ".join(f"{name}={value!r}" for name, value in options.items())
        raise ValueError(f"no layer of {library.title} is known with {wanted}")
    yield from found


def fits(form: Form, option: str, value: object) -> bool:
    """Whether an option of a form may have a value; a size may have any."""
    own = form.options[option]
    return isinstance(own, SizeOf) or own == value


def recognise(
    tensors: Mapping[str, Any],
    library: Layout,
    layer: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Recognised]:
    """Every layer of a library among tensors, in their order.

    >>> import numpy as np
    >>> from gru_sym.libraries.layout import layout
    >>> named = {"gru.kernel": np.ones((5, 9)), "gru.recurrent_kernel": np.ones((3, 9)),
    ...     "gru.bias": np.ones((2, 9)), "dense.kernel": np.ones((3, 1))}
    >>> [(found.place, found.stored.cell_id) for found in recognise(named, layout("keras"))]
    [('gru', 'gru.keras')]

    Raises `ValueError` where there is none, with the nearest miss.
    """
    whole = {plain(name): name for name in tensors}
    if len(whole) < len(tensors):
        twice = next(name for name in tensors if whole[plain(name)] != name)
        raise ValueError(f"{twice} and {whole[plain(twice)]} are one name once . and / are alike")
    found: dict[str, list[Recognised]] = {}
    misses: list[tuple[int, int, str, str]] = []  # how many there, how many not, where, what
    for form in allowed(library, layer, options or {}):
        for both in (True, False) if form.has_directions else (False,):
            one = stored_layer(form, 1, both, ())
            for prefix in _prefixes(whole, one):
                stored = _tallest(one, prefix, whole)
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
                found.setdefault(prefix, []).append(
                    Recognised(prefix, replace(stored, sizes=sizes), own, given)
                )
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


def _prefixes(whole: Mapping[str, str], one: StoredLayer) -> list[str]:
    """What stands before the first tensor of a layer, wherever there is one."""
    first = plain(next(iter(one.tensors)))
    return [
        name.removesuffix(first) for name in whole if name == first or name.endswith(f"/{first}")
    ]


def _tallest(one: StoredLayer, prefix: str, whole: Mapping[str, str]) -> StoredLayer:
    """The highest stack whose tensors begin with this prefix."""
    stored = one
    while one.form.has_levels:
        height = int(str(stored.layer.num_layers)) + 1
        try:
            taller = stored_layer(one.form, height, one.layer.bidirectional, ())
        except ValueError:  # it cannot be stacked
            break
        new = taller.tensors.keys() - stored.tensors.keys()
        if not any(prefix + plain(name) in whole for name in new):
            break
        stored = taller
    return stored


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

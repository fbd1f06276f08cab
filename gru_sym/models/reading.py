"""The description of a model, read line by line: what each layer reads, hands on and has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as with_fields
from typing import Any, Literal, NoReturn

import sympy as sp

from gru_sym.algebra import size_expression
from gru_sym.cells import Cell, SizeValue
from gru_sym.language.syntax import INPUT
from gru_sym.language.unification import symbols
from gru_sym.layers import Layer
from gru_sym.lookup import catalogue
from gru_sym.transform import without_biases

Kind = Literal["layer", "embedding", "dense", "layernorm", "other"]
MAX_PARTS = 1000
FLAGS = {
    "both": "bidirectional",
    "bidirectional": "bidirectional",
    "learn-initial-state": "learn_initial_state",
    "share-directions": "share_directions",
    "share-layers": "share_layers",
    "no-bias": "no_bias",
}
"""What may stand after a layer's sizes: options of the command line, without their dashes."""
WITHOUT_PARAMETERS = """
    activation dropout flatten identity masking maxpool pooling relu repeat reshape sigmoid softmax
    tanh
""".split()
KINDS = ("input", "embedding", "dense", "layernorm", "last", "other")
WORDS = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
ZERO = sp.Integer(0)
m, n, v = sp.symbols("m n v")


@dataclass(frozen=True)
class Part:
    """One layer of a model.

    Attributes
    ----------
    text : what was written, of this layer.
    kind : "layer" of a cell, "embedding", "dense", "layernorm" or "other".
    reads, hands_on : how many numbers at each step; an embedding reads none.
    formula : its count, in symbols of its own.
    sizes : what these symbols are here: integers, or the model's letters.
    layer : of a cell, the `Layer`.
    once : it stands after `last`, and reads one step alone.
    """

    text: str
    kind: Kind
    reads: sp.Expr | None
    hands_on: sp.Expr
    formula: sp.Expr
    sizes: Mapping[str, sp.Expr]
    layer: Layer | None = None
    once: bool = False
    own_biases: sp.Expr | None = ZERO

    @property
    def count(self) -> SizeValue:
        """Its count: an integer, or a formula in the model's letters."""
        found = self.here(self.formula)
        return int(found) if found.is_Integer else found

    @property
    def biases(self) -> sp.Expr:
        """How many of them are biases."""
        if self.own_biases is None:
            raise ValueError(f"how many of '{self.text}' are biases is not known")
        return self.here(self.own_biases)

    def here(self, formula: Any) -> sp.Expr:
        """A formula in its own symbols, with the sizes that it has here."""
        sizes = {sp.Symbol(name): size for name, size in self.sizes.items()}
        return sp.expand(sp.sympify(formula).xreplace(sizes))


def read(text: str, cells: Mapping[str, Cell]) -> tuple[Part, ...]:
    """The layers of a description; cells are found by name, here or in the catalogue.

    >>> [part.count for part in read("input 28; gru.keras 64; dense 10", {})]
    [18048, 650]
    """
    if not isinstance(text, str):
        raise TypeError(f"a model is described in text, not by {type(text).__name__}")
    reader = _Reader(cells)
    for number, line in enumerate(text.splitlines(), 1):
        for piece in line.split("#")[0].split(";"):
            if piece.strip():
                reader.piece(piece, number)
    if not reader.parts:
        raise ValueError("a model has at least one layer, as in 'input 28; gru.keras 64'")
    return tuple(reader.parts)


@dataclass
class _Reader:
    """What is known from the lines so far.

    Attributes
    ----------
    width : what the next layer reads.
    words : of the embedding above: how many, and of which size.
    once : `last` was said.
    """

    cells: Mapping[str, Cell]
    width: sp.Expr | None = None
    words: tuple[sp.Expr, ...] = ()
    once: bool = False
    where: str = ""
    parts: list[Part] = field(default_factory=list)

    def piece(self, text: str, number: int) -> None:
        """One line, or what stands between two semicolons."""
        self.where = f"line {number}, '{' '.join(text.split())}'"
        name, *words = re.sub(r"(?<=\d)[x×](?=\d)", " x ", text).split()
        kind = name.casefold()
        if kind in ("input", "last"):
            self._between(kind, words)
        elif kind in ("embedding", "layernorm", "other"):
            self._plain(kind, words)
        elif kind in ("dense", "linear"):
            self._dense(name, words)
        elif kind in WITHOUT_PARAMETERS:
            self._refuse(f"{kind} has no parameters; leave this out")
        else:
            self._layers(name, words)
        if len(self.parts) > MAX_PARTS:
            self._refuse(f"a model has at most {MAX_PARTS} layers here")

    def _between(self, kind: str, words: list[str]) -> None:
        """`input 28` and `last`, which are no layers."""
        if kind == "input":
            (self.width,) = self._sizes(words, 1, "as in 'input 28'")
        else:
            self._sizes(words, 0, "'last' stands alone")
            self._reads()
        self.once = kind == "last"

    def _plain(self, kind: str, words: list[str]) -> None:
        """A layer without states and options."""
        if kind == "embedding":
            self.words = many, size = self._sizes(words, 2, "as in 'embedding 10000 x 128'")
            self._add(
                Part(
                    f"embedding {many} x {size}",
                    "embedding",
                    None,
                    size,
                    v * n,
                    {"v": many, "n": size},
                )
            )
        elif kind == "layernorm":
            self._sizes(words, 0, "it has those of what it reads")
            reads = self._reads()
            self._add(
                Part("layernorm", "layernorm", reads, reads, 2 * m, {"m": reads}, own_biases=m)
            )
        else:
            (number,), reads = self._sizes(words, 1, "as in 'other 1290'"), self._reads()
            self._add(
                Part(f"other {number}", "other", reads, reads, n, {"n": number}, own_biases=None)
            )

    def _dense(self, name: str, words: list[str]) -> None:
        flags = [word for word in ("no-bias", "tied") if word in words]
        (size,) = self._sizes(
            [word for word in words if word not in flags], 1, f"what it hands on, as in '{name} 10'"
        )
        reads = self._reads()
        if "tied" in flags and self.words != (size, reads):
            self._refuse(f"there is no embedding {size} x {reads} above whose matrix it could have")
        bias = ZERO if "no-bias" in flags else n
        formula = bias if "tied" in flags else m * n + bias
        text = " ".join([name, str(size), *flags])
        self._add(
            Part(text, "dense", reads, size, formula, {"m": reads, "n": size}, own_biases=bias)
        )

    def _layers(self, name: str, words: list[str]) -> None:
        """One layer of a cell, or one for each hidden size."""
        cell, options, own = self._cell(name), dict[str, Any](), dict[str, sp.Expr]()
        widths: list[sp.Expr] = []
        said = [word for word in words if word in FLAGS or "=" in word]
        for word in words:
            before, equals, after = word.partition("=")
            key = FLAGS.get(word, before)
            if word not in said:
                widths.append(self._size(word, f"; after the sizes come {', '.join(FLAGS)}"))
            elif key in options or key in own:
                self._refuse(f"{before} is said twice")
            elif not equals:
                options[key] = True
            elif key == "merge":
                options[key] = after
            elif key == "layers":
                options[key] = self._size(after)
            else:
                own[key] = self._size(after)
        if widths and "n" in own:
            self._refuse("n is said twice")
        height = options.pop("layers", sp.Integer(1))
        if len(widths) > 1 and height != 1:
            self._refuse(f"{len(widths)} sizes are as many layers already; leave layers= out")
        if options.get("share_layers") and (height == 1 or not height.is_Integer):
            self._refuse("layers that share their parameters are a number of layers, as layers=3")
        options["num_layers"] = int(height) if height.is_Integer else height
        try:
            if options.pop("no_bias", False):
                cell = without_biases(cell, name=cell.name)
            layer = Layer(cell, **options)
        except ValueError as error:
            self._refuse(str(error))
        for width in widths or [None]:
            text = " ".join([name, *([str(width)] if width else []), *said])
            self._layer(text, layer, own if width is None else {**own, "n": width})

    def _layer(self, text: str, layer: Layer, given: Mapping[str, sp.Expr]) -> None:
        cell, reads = layer.cell, self._reads()
        if self.once:
            self._refuse("after 'last' there is one step, and a layer with states reads several")
        read_size = cell.sizes.shapes[INPUT][0]
        if cell.sizes.has_windows:  # a step reads one input of k
            read_size = symbols(read_size)[-1]
        sizes = {**({str(read_size): reads} if read_size in cell.size_names else {}), **given}
        for name in sizes.keys() - {*cell.size_names}:
            known = ", ".join(cell.size_names) or "fixed"
            self._refuse(f"{cell.name} has no size {name}; its sizes are {known}")
        for name in cell.size_names:
            if name not in sizes:
                how = f"'{text} 256'" if name == "n" else f"'{text} {name}=64'"
                self._refuse(f"{cell.name} needs the size {name}, as in {how}")
        part = Part(
            text,
            "layer",
            reads,
            ZERO,
            sp.sympify(layer.count()),
            sizes,
            layer,
            own_biases=sp.sympify(layer.biases()),
        )
        expected = part.here(size_expression(read_size))
        if expected != reads and any(name.name == INPUT for _, name in cell.program.occurrences()):
            self._refuse(f"{cell.name} reads {expected} numbers at this size, not {reads}")
        self._add(with_fields(part, hands_on=part.here(layer.output_size)))

    def _cell(self, name: str) -> Cell:
        try:
            return self.cells[name] if name in self.cells else catalogue[name]
        except KeyError as error:
            if meant := difflib.get_close_matches(name, KINDS, n=1):
                self._refuse(f"there is no layer {name}; did you mean {meant[0]}?")
            self._refuse(f"{error}" if "." in name else f"{error}; else a line begins with {WORDS}")

    def _reads(self) -> sp.Expr:
        if self.width is None:
            self._refuse("begin with what it reads, 'input 28' or 'embedding 10000 x 128'")
        return self.width

    def _sizes(self, words: list[str], number: int, example: str) -> tuple[sp.Expr, ...]:
        """So many sizes; between two of them an x is read over."""
        if number == 2 and len(words) == 3 and words[1] in ("x", "×"):
            words = [words[0], words[2]]
        if len(words) != number:
            many = "one size" if number == 1 else f"{number or 'no'} sizes"
            self._refuse(f"{many} expected, {example}")
        return tuple(self._size(word) for word in words)

    def _size(self, word: str, or_else: str = "") -> sp.Expr:
        """A number or a letter: a longer name could as well be a slip of the pen."""
        if re.fullmatch(r"[0-9]+", word) and word.strip("0"):
            return sp.Integer(int(word))
        if not re.fullmatch(r"[A-Za-z][0-9]*", word):
            self._refuse(
                f"a size is a whole number, or a letter such as n or n2, not {word}{or_else}"
            )
        if hasattr(sp, word):
            self._refuse(f"{word} means something else to SymPy; take another letter")
        return sp.Symbol(word)

    def _add(self, part: Part) -> None:
        self.parts.append(with_fields(part, once=self.once))
        self.width = part.hands_on

    def _refuse(self, why: str) -> NoReturn:
        raise ValueError(f"{self.where}: {why}")

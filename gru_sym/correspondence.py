"""What stands in one cell for the names of another: checked, and put in."""

from __future__ import annotations

from collections.abc import Mapping

from gru_sym.cells import Cell
from gru_sym.language.parser import parse
from gru_sym.language.shapes import Shape
from gru_sym.language.syntax import (
    INPUT,
    Expression,
    Name,
    Number,
    names,
)
from gru_sym.normal.form import FormWriter, NormalForm, normal_form
from gru_sym.rewriting import exchanged


class Correspondence:
    """Cell b in the parameters of cell a.

    >>> from gru_sym import cell
    >>> put = Correspondence(cell("rnn.pytorch"), cell("rnn.elman"), {
    ...     "W": "W_ih", "U": "W_hh", "b": "b_ih + b_hh"})
    >>> put.form.states["h"] == normal_form(put.a.program, put.a.sizes).states["h"]
    True

    Raises `ValueError` where a parameter of b would stand for data, a state for more than a state,
    two states for one, or anything for what has another shape.
    """

    def __init__(self, a: Cell, b: Cell, texts: Mapping[str, str]) -> None:
        self.a, self.b, self.texts = a, b, dict(texts)
        known = set(b.program.given)
        for name in self.texts:
            if name not in known:
                raise ValueError(f"{b.name} has no parameter or state {name}")
        self.trees = {name: self._tree(name) for name in known}
        self._check_states()

    def _tree(self, name: str) -> Expression:
        """What stands in a for a name of b, checked to be what may stand there."""
        text = self.texts.get(name, name)
        equations, declarations = parse(f"{name} = {text}")
        if len(equations) != 1 or declarations:
            raise ValueError(f"what stands for {name} is one expression, not {text!r}")
        tree = equations[0].expression
        self._check_names(name, tree)
        blocks = self.b.sizes.blocks.get(name)
        if blocks is not None and self.a.sizes.blocks_of(tree) != blocks:
            raise ValueError(
                f"{name} of {self.b.name} is a kernel of {blocks} blocks, and {text} of "
                f"{self.a.name} is none"
            )
        shape, expected = self.a.sizes.shape(tree), self.b.sizes.shapes[name]
        zero = isinstance(tree, Number) and not tree.value
        spreads = zero or (expected[1] == 1 and self.a.sizes.is_scalar(tree))
        if shape != expected and not spreads:
            raise ValueError(
                f"{name} has shape {_shape(expected)} in {self.b.name}, "
                f"but {text} has shape {_shape(shape)} in {self.a.name}"
            )
        return tree

    def _check_names(self, name: str, tree: Expression) -> None:
        """That a parameter stands for parameters, a state for a state, and x for x."""
        alone = str(tree) if isinstance(tree, Name) else ""
        if name == INPUT and alone != INPUT:
            raise ValueError(f"{INPUT} is the input of both cells, and nothing can stand for it")
        for kind in ("inputs", "constants"):
            if name in getattr(self.b, kind) and alone not in getattr(self.a, kind):
                raise ValueError(
                    f"{name} is one of the {kind} of {self.b.name}, and only one of those of "
                    f"{self.a.name} can stand for it"
                )
        if name in self.b.states and alone not in self.a.states:
            if alone == name:
                states = ", ".join(self.a.states)
                message = f"say which of these the state {name} of {self.b.name} is: {states}"
                raise ValueError(f"{self.a.name} has no state {name}; {message}")
            raise ValueError(f"the state {name} can only be renamed to a state of {self.a.name}")
        if name not in self.b.program.parameters:
            return
        for used in names(tree):
            if used.primed or used.name in self.a.program.data:
                raise ValueError(
                    f"{used} in the substitution for {name} is data; "
                    f"a parameter can only stand for parameters of {self.a.name}"
                )
            if used.name not in (*self.a.program.parameters, *self.a.constants):
                if name not in self.texts:
                    raise ValueError(
                        f"{name} of {self.b.name} is no parameter of {self.a.name}; "
                        f"say in the substitution what stands for it"
                    )
                raise ValueError(
                    f"{used} in the substitution for {name} is no parameter of {self.a.name}"
                )

    def _check_states(self) -> None:
        """That the states of b are renamed one to one to those of a."""
        taken: dict[str, str] = {}
        for state in self.b.states:
            if (other := taken.setdefault(self.state(state), state)) != state:
                raise ValueError(
                    f"{other} and {state} of {self.b.name} cannot both be {self.state(state)} of "
                    f"{self.a.name}; rename the states one to one"
                )
        if missing := [state for state in self.a.states if state not in taken]:
            raise ValueError(f"no state of {self.b.name} is {', '.join(missing)} of {self.a.name}")

    def state(self, name: str) -> str:
        """The state of a that a state of b stands for."""
        return str(self.trees[name])

    @property
    def form(self) -> NormalForm:
        """The normal form of b after the substitution."""
        reader = FormWriter(self.a.program, self.a.sizes)
        known = {name: reader.polynomial(tree) for name, tree in self.trees.items()}
        return normal_form(self.b.program, self.b.sizes, known)

    def put_in(self, expression: Expression) -> Expression:
        """An expression of b with the substitution put in."""
        return exchanged(expression, self._in_a)

    def _in_a(self, expression: Expression) -> Expression | None:
        match expression:
            case Name(name=name, primed=True):
                return Name(self.state(name), True, expression.place)
            case Name(name=name):
                return self.trees.get(name)
        return None


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))

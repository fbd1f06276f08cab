"""Products with the same operand become one: `W_r @ h` and `W_z @ h` as `[W_r; W_z] @ h`.

The kernels are put one below the other once, before the loop. Where every one of the products has a
bias added to it, the biases are put together, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gru_sym.codegen.names import Names
from gru_sym.codegen.terms import name, plus, product, reads_only, rebuild
from gru_sym.language.errors import NOWHERE
from gru_sym.language.shapes import Shape, Sizes
from gru_sym.language.syntax import Expression, MatrixProduct, Name, Plus, children, names


@dataclass(frozen=True)
class Assign:
    """target = expression."""

    target: Name
    expression: Expression

    @property
    def names(self) -> tuple[str, ...]:
        """What the line defines."""
        return (self.target.name,)


@dataclass(frozen=True)
class Stack:
    """target = the parts, one below the other."""

    target: str
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Split:
    """names = stacked kernels @ operand + stacked biases, cut where one kernel ends.

    Attributes
    ----------
    whole : a name for all of it, before it is cut.
    equal : all kernels have the same number of rows, whatever the sizes are.
    """

    names: tuple[str, ...]
    whole: str
    kernels: Stack
    operand: Expression
    biases: Stack | None
    equal: bool


Line = Assign | Split


@dataclass(frozen=True)
class Fused:
    """The kernels and biases to stack once, the lines that use them, the shapes of new names."""

    stacks: tuple[Stack, ...]
    lines: tuple[Line, ...]
    shapes: dict[str, Shape]


def fuse(lines: Sequence[Assign], static: frozenset[str], sizes: Sizes, fresh: Names) -> Fused:
    """Fuse the matrix products of lines that are computed one after the other.

    `static` are the names of what depends on parameters alone. The lines keep their order; a fused
    product stands before the first line that needs one of its parts.
    """
    fusion = _Fusion(static, sizes, fresh)
    for line in lines:
        fusion.survey(line.expression, line)
    for group in fusion.groups.values():
        group.settle_biases()
    for line in lines:
        fusion.rewrite_line(line)
    return Fused(tuple(fusion.stacks), tuple(fusion.lines), fusion.shapes)


@dataclass(frozen=True)
class _Member:
    """One product of a group, kernel @ operand + bias."""

    kernel: Expression
    bias: Expression | None


@dataclass(frozen=True)
class _Part:
    """The name of a part; `own` if it is a whole line, which has that name already."""

    name: str
    own: bool


@dataclass
class _Group:
    """The products with one operand, and what their parts are called."""

    operand: Expression
    members: dict[_Member, _Part] = field(default_factory=dict)
    uses: int = 0
    emitted: bool = False

    @property
    def fused(self) -> bool:
        return self.uses > 1

    def settle_biases(self) -> None:
        """Keep the biases only if every product has one and no kernel stands there twice."""
        kernels = {member.kernel for member in self.members}
        if len(kernels) < len(self.members) or any(m.bias is None for m in self.members):
            kept: dict[_Member, _Part] = {}
            for member, part in self.members.items():
                # Without its bias the part is no longer the line that has this name.
                bare = part if member.bias is None else _Part(part.name, False)
                kept.setdefault(_Member(member.kernel, None), bare)
            self.members = kept


@dataclass(frozen=True)
class _Affine:
    """A sum, read as kernel @ operand + bias + rest."""

    product: MatrixProduct
    bias: Expression | None
    rest: tuple[Expression, ...]


@dataclass
class _Fusion:
    static: frozenset[str]
    sizes: Sizes
    fresh: Names
    groups: dict[Expression, _Group] = field(default_factory=dict)
    stacks: list[Stack] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)

    # Which products there are

    def survey(self, expression: Expression, line: Assign) -> None:
        """Enter every product of an expression into the group of its operand."""
        affine = self._affine(expression)
        if affine is None:
            for child in children(expression):
                self.survey(child, line)
            return
        operand = affine.product.right
        group = self.groups.setdefault(operand, _Group(operand))
        whole = expression == line.expression and not affine.rest and not line.target.primed
        wanted = line.target.name if whole else f"{line.target.name}_{_label(operand)}"
        member = _Member(affine.product.left, affine.bias)
        group.members.setdefault(member, _Part(wanted, whole))
        group.uses += 1
        for part in (operand, *affine.rest):
            self.survey(part, line)

    def _affine(self, expression: Expression) -> _Affine | None:
        """A product, alone or the only one in a sum; None for anything else."""
        if self._fuses(expression):
            assert isinstance(expression, MatrixProduct)
            return _Affine(expression, None, ())
        if not isinstance(expression, Plus):
            return None
        terms = expression.terms
        products = [t for t in terms if isinstance(t, MatrixProduct) and self._fuses(t)]
        if len(products) != 1:
            return None
        biases = [t for t in terms if self._is_static(t) and self.sizes.shape(t)[0] != 1]
        rest = tuple(t for t in terms if t not in biases and t is not products[0])
        return _Affine(products[0], plus(biases) if biases else None, rest)

    def _fuses(self, expression: Expression) -> bool:
        """Whether it is a product with data, by a kernel that can be put below another one."""
        return (
            isinstance(expression, MatrixProduct)
            and not self._is_static(expression)
            and self.sizes.blocks_of(expression.left) is None
        )

    def _is_static(self, expression: Expression) -> bool:
        return reads_only(expression, self.static)

    # The lines with the fused products

    def rewrite_line(self, line: Assign) -> None:
        """Append a line; one that is nothing but a part of a fused product is already there."""
        expression = self._rewrite(line.expression)
        if expression != line.target:
            self.lines.append(Assign(line.target, expression))

    def _rewrite(self, expression: Expression) -> Expression:
        affine = self._affine(expression)
        if affine is not None:
            return self._rewrite_affine(affine)
        return rebuild(expression, self._rewrite)

    def _rewrite_affine(self, affine: _Affine) -> Expression:
        kernel, operand = affine.product.left, affine.product.right
        group = self.groups[operand]
        rest = [self._rewrite(term) for term in affine.rest]
        if not group.fused:
            single = _with_bias(product(kernel, self._rewrite(operand)), affine.bias)
            return plus([*rest, single])
        self._emit(group)
        with_bias = _Member(kernel, affine.bias)
        if with_bias in group.members:
            return plus([*rest, name(group.members[with_bias].name)])
        part = name(group.members[_Member(kernel, None)].name)
        return plus([*rest, part] if affine.bias is None else [*rest, part, affine.bias])

    def _emit(self, group: _Group) -> None:
        """The line of a fused product, once, and the stacks it needs."""
        if group.emitted:
            return
        group.emitted = True
        group.members = {m: self._named(part) for m, part in group.members.items()}
        members = list(group.members)
        parts = tuple(part.name for part in group.members.values())
        for member, part in group.members.items():
            self.shapes[part.name] = self.sizes.shape(product(member.kernel, group.operand))
        operand, label = self._rewrite(group.operand), _label(group.operand)
        if len(parts) == 1:
            affine = _with_bias(product(members[0].kernel, operand), members[0].bias)
            self.lines.append(Assign(name(parts[0]), affine))
            return
        kernels = self._stack(f"kernels_{label}", [member.kernel for member in members])
        biases = [member.bias for member in members if member.bias is not None]
        bias = self._stack(f"biases_{label}", biases) if biases else None
        equal = len({self.sizes.shape(kernel)[0] for kernel in kernels.parts}) == 1
        whole = self.fresh(f"products_{label}")
        self.lines.append(Split(parts, whole, kernels, operand, bias, equal))

    def _named(self, part: _Part) -> _Part:
        return part if part.own else _Part(self.fresh(part.name), False)

    def _stack(self, wanted: str, parts: Iterable[Expression]) -> Stack:
        stack = Stack(self.fresh(wanted), tuple(parts))
        self.stacks.append(stack)
        return stack


def _with_bias(affine: Expression, bias: Expression | None) -> Expression:
    """A product and the bias added to it, in this order, the bias in brackets if it is a sum."""
    return affine if bias is None else Plus((affine, bias), NOWHERE)


def _label(operand: Expression) -> str:
    """A short name for an operand: h, h_next, r_h."""
    parts = [n.name + "_next" * n.primed for n in names(operand)]
    return "_".join(dict.fromkeys(parts)) if len(parts) <= 3 else "mixed"

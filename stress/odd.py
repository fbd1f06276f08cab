"""Random cells in which parameters are redundant, or look so: where certificates went wrong."""

from __future__ import annotations

from stress.making import ENTIRE, KINKED, SMOOTH, Maker, kind


@kind
def scalars_declared(m: Maker) -> str:
    """Scalar parameters beside vectors and kernels."""
    scalars = [m.scalar() for _ in range(m.random.choice((1, 2, 3)))]
    s = m.random.choice(scalars)
    a = m.line(m.sum([f"{s} * ({m.affine('x')})", m.kernel("h")]), "a")
    parts = [f"sigmoid({scalars[0]}) * h", f"{scalars[-1]} * {m.f(a)}", m.new("b")]
    if len(scalars) > 2:
        parts.append(f"{scalars[1]} * {m.new('d')} * {m.f(m.kernel('h'))}")
    if len(scalars) == 2 and m.chance(0.5):
        parts.append(f"{scalars[0]} * {scalars[1]} * h")
    m.state("h", m.sum(m.some(parts[:2], 2) + m.some(parts[2:])))
    return m.text()


@kind
def scalars_inferred(m: Maker) -> str:
    """A value that is declared one number, so that its biases and factors are one number, too."""
    gates = []
    for _ in range(m.random.choice((1, 1, 2))):
        terms = m.some([m.kernel("x"), m.kernel("h"), m.new("b"), m.new("b")], 1)
        if not any("@" in term for term in terms):
            terms.append(m.kernel("x"))
        inside = m.sum(terms)
        z = m.line(m.pick(inside, inside, m.f(inside), f"{m.new('a')} * {m.f(inside)}"), "z")
        m.declare(z, 1)
        gates.append(z)
    z, y = gates[0], gates[-1]
    one = m.pick(
        f"{z} * h", f"{z} * tanh({m.kernel('h')})", f"(1 - {z}) * h", f"{z} * {m.new('u')}"
    )
    two = m.pick(
        f"{y} * {m.new('d')} * tanh({m.kernel('h')})",
        f"{m.new('d')} * h",
        f"{y} * {m.new('d')}",
        f"{z} * {y} * h",
        f"tanh({y} * {m.new('d')} + {m.kernel('h')})",
        m.new("b"),
    )
    both = [f"{one} + {two}", f"{one} - {two}", f"{m.f(one)} + {two}", f"{one} * {m.new('d')}"]
    m.state("h", m.pick(*both) if z == y else both[0])
    return m.text()


@kind
def rank_one(m: Maker) -> str:
    """A kernel of rank one in some dress."""
    u, v, w, a = m.new("u"), m.new("v"), m.new("w"), m.new("a")
    data = m.pick("x", "h")
    dress = m.random.randrange(8)
    y = m.line(f"{v} @ {data}" if m.chance(0.7) else m.sum([f"{v} @ x", f"{w} @ h"]), "y")
    if dress != 1:
        m.declare(y, 1)
    if dress == 0:  # scaled by one vector or two
        term = m.pick(f"{u} * {y}", f"{y} * {u} * {a}", f"{u} * ({a} * {y})")
    elif dress == 1:  # a column kernel before it
        m.declare(u, "n")
        term = f"{u} @ {y}"
    elif dress == 2:  # Householder and the like
        term = m.pick(f"h - {y} * {u}", f"h - 2 * {y} * {u}", f"h + {y} * {u}")
    elif dress == 3:  # diagonal plus rank one
        term = f"{a} * h + {y} * {u}"
    elif dress == 4:  # twice
        term = f"{u} * {y} + {a} * {m.f(y)}"
    elif dress == 5:  # squared
        term = f"{y} * {y} * {u}"
    elif dress == 6:  # through a function, and with a scalar bias
        term = f"{u} * {m.f(f'{y} + {m.new(chr(98))}')}"
    else:
        term = f"{u} * {y} + {m.scalar()} * {u}"
    rest = [m.kernel("h"), m.kernel("x"), m.new("b"), f"{m.new('d')} * h"]
    inside = m.sum([f"({term})", *m.some(rest, 0, 2)])
    m.state("h", m.pick(inside, m.f(inside), m.f(inside)))
    return m.text()


@kind
def low_rank(m: Maker) -> str:
    """A product of kernels with an inner size of its own, with what may stand in it."""
    data = m.pick("x", "h")
    inner = m.line(m.sum([m.kernel(data), *m.some([m.new("b"), m.kernel("x")], 0, 1)]), "y")
    if m.chance(0.3):
        m.declare(inner, m.pick("k", "r", "n", "m"))
    deep = f"{m.new('C')} @ {inner}" if m.chance(0.2) else inner
    terms = [f"{m.new('A')} @ ({deep})" if "@" in deep else f"{m.new('A')} @ {deep}"]
    if m.chance(0.2):
        terms.append(f"{m.new('A')} @ {m.f(inner)}")
    if m.chance(0.3):
        terms.append(f"{m.new('A')} @ {inner}")
    inside = m.sum([*terms, *m.some([m.kernel("h"), m.kernel(data), m.new("b"), m.new("b")])])
    m.state("h", m.pick(m.f(inside), m.f(inside), inside, m.scaled(m.f(inside))))
    return m.text()


@kind
def too_large(m: Maker) -> str:
    """A product of kernels whose inner size is a number, also larger than m and n."""
    k = m.random.choice((1, 2, 2, 3, 4, 5))
    y = m.line(m.sum([m.kernel(m.pick("x", "h")), *m.some([m.kernel("x"), m.new("b")], 0, 1)]), "y")
    if k == 1:
        term = f"{m.declare(m.new('u'), 'n')} @ {y}"
        if m.chance(0.5):
            term = f"{m.new('u')} * {m.declare(y, 1)}"
    else:
        m.declare(y, k)
        term = f"{m.new('A')} @ {m.pick(y, y, m.f(y))}"
    inside = m.sum([term, *m.some([m.kernel("h"), m.new("b")])])
    m.state("h", m.pick(m.f(inside), inside))
    return m.text()


@kind
def side_by_side(m: Maker) -> str:
    """Functions of one argument, of a multiple of it, of it and a bias, beside each other."""
    m.functions = m.random.choice((SMOOTH, SMOOTH, ENTIRE))
    a = m.line(m.affine(*m.some(["x", "h"], 1), biases=m.random.choice((0, 1))), "a")
    second = m.pick(
        a, f"2 * {a}", f"-{a}", f"{a} + {m.new('b')}", f"{m.number()} * {a}", f"{a} - {m.new('b')}",
        f"{a} + {m.kernel('h')}", f"{m.scalar()} * {a}" if m.chance(0.5) else f"{m.new('d')} * {a}",
    )  # fmt: skip
    one, two = m.f(a), m.f(second)
    third = m.f(f"{a} + {m.new('b')}") if m.chance(0.3) else ""
    result = m.pick(
        f"{one} * {two}", f"{one} + {two}", f"{one} * h + {two}",
        f"{m.new('d')} * {one} + {two}", f"(1 - {one}) * {two} + {one} * h",
        f"{m.new('d')} * {one} + {m.new('e')} * {two}",
    )  # fmt: skip
    m.state("h", result + (f" + {third}" if third else ""))
    return m.text()


@kind
def piecewise(m: Maker) -> str:
    """The functions relu and hard_sigmoid, alone, beside smooth ones, one in another, scaled."""
    m.functions = m.random.choice((KINKED, (*KINKED, *SMOOTH)))
    form = m.random.randrange(6)
    if form == 0:
        m.state("h", m.f(m.sum([m.affine("x"), m.pick(m.kernel("h"), f"{m.new('u')} * h")])))
    elif form == 1:
        z, g = m.gate("x", "h"), m.gate("x", "h")
        m.state("h", m.mixed(z, "h", g))
    elif form == 2:
        m.state("h", f"{m.new('A')} @ relu({m.affine('x')})" + m.pick("", f" + {m.new('b')}"))
    elif form == 3:
        m.state("h", f"{m.new('a')} * relu({m.affine('x', 'h')})" + m.pick("", f" + {m.new('b')}"))
    elif form == 4:
        r = m.line(f"hard_sigmoid({m.affine('x', 'h')})", "r")
        n = m.line(
            m.f(m.sum([m.affine("x"), m.pick(m.kernel(f"{r} * h"), f"{r} * ({m.affine('h')})")]))
        )
        m.state("h", m.mixed(m.line(f"hard_sigmoid({m.affine('x', 'h')})", "z"), "h", n))
    else:
        inner = m.f(m.affine("x"))
        m.state("h", m.f(m.sum([m.scaled(inner), m.new("b"), m.kernel("h")])))
    return m.text()


@kind
def more_kinks(m: Maker) -> str:
    """More relus than data, so that not every choice of their pieces occurs: decays as in GRU-D."""
    if m.chance(0.4):
        m.declare("x", "n")
        own = m.line(f"relu({m.new('w')} * x + {m.new('b')})", "k")
    else:
        own = m.line(f"relu({m.affine('x')})", "k")
    other = m.line(f"relu({m.affine('x')})", "k")
    one = m.line(m.pick(f"exp(-{own})", own, f"tanh({own})"), "g")
    two = m.line(m.pick(f"exp(-{other})", other, f"sigmoid({other})"), "g")
    parts = [f"{one} * h", f"{m.new('a')} * {two}", m.kernel(f"{two} * h"), f"{one} * {two}"]
    m.state("h", m.f(m.sum(m.some(parts, 2))) if m.chance(0.3) else m.sum(m.some(parts, 2)))
    return m.text()


@kind
def turned(m: Maker) -> str:
    """Two states that turn into each other, and a third that reads both; gains that cancel."""
    a, b, g = (m.pick(m.new("a"), f"exp({m.new('a')})", f"tanh({m.new('a')})") for _ in range(3))
    c, d = m.pick((a, b), (a, a), (m.new("a"), b)) if m.chance(0.8) else (b, a)
    x, y = m.kernel("x"), m.kernel("x")
    gain = (lambda part: f"{g} * ({part})") if m.chance(0.5) else (lambda part: part)
    m.state("p", f"{a} * p - {b} * q + {gain(x)}")
    m.state("q", f"{d} * p + {c} * q + {gain(y)}")
    out = m.sum([m.kernel("p'"), m.kernel("q'"), *m.some([m.kernel("x"), m.new("b")])])
    m.state("h", m.f(out) if m.chance(0.5) else out)
    return m.text()


@kind
def nested(m: Maker) -> str:
    """Functions in functions, functions of parameters, exp and softplus gates."""
    m.functions = ENTIRE
    b, W = m.new("b"), m.kernel("x")
    inner = m.pick(
        m.f(m.affine("x")), f"{m.f(b)} * ({W})", f"exp({b}) * exp({W})", f"exp({W} + {b})",
        f"softplus({m.f(W)})", f"sigmoid({b}) * h", f"exp({m.number()} * {m.f(b)})",
    )  # fmt: skip
    more = m.pick(m.new("c_"), m.affine("h"), f"tanh({m.new('e')})", f"{m.new('d')} * h")
    outer = m.pick(
        f"{m.f(f'{inner} + {more}')}", f"{m.f(inner)} * ({more})",
        f"{m.new('d')} * {inner} + {more}",
        f"exp(-{m.number()} * softplus({m.new('e')})) * h + {inner}",
    )  # fmt: skip
    m.state("h", outer)
    return m.text()


@kind
def hadamard(m: Maker) -> str:
    """Kernels multiplied element by element, added, and multiplied by scalars."""
    A, B, C = m.new("M"), m.new("M"), m.new("M")
    kernel = m.pick(
        f"({A} * {B})", f"({A} + {B})", f"({A} * ({B} + {C}))", f"({A} * {B} + {C})",
        f"(2 * {A} - {B})", f"({A} * {B} * {C})", f"(tanh({A}) * {B})",
    )  # fmt: skip
    if m.chance(0.3):
        kernel = f"({m.scalar()} * {kernel})"
    inside = m.sum([f"{kernel} @ x", *m.some([m.kernel("h"), m.new("b"), f"{m.new('d')} * h"])])
    m.state("h", m.pick(m.f(inside), inside, f"({kernel} @ x) * ({m.kernel('h')})"))
    return m.text()


@kind
def no_pivot(m: Maker) -> str:
    """Biases that stand in several sums, each sum with several of them."""
    biases = [m.new("b") for _ in range(m.random.choice((3, 3, 4)))]
    used: set[str] = set()
    gates = []
    for data in m.shuffled(["x", "h", m.pick("x", "h")])[: m.random.choice((2, 3))]:
        chosen = m.some(biases, 1, 3)
        used |= set(chosen)
        gates.append(m.f(m.sum([m.kernel(data), *chosen])))
    if m.chance(0.3):
        return "h' = " + m.sum([gates[0], f"{m.new('d')} * ({m.sum(biases[:2])})", *gates[1:]])
    return "h' = " + m.pick(" + ", " * ").join(gates)


@kind
def scales(m: Maker) -> str:
    """Factors that cancel against others: rows, columns, vectors, scalars, squares."""
    a, b, s = m.new("a"), m.new("b"), m.new("d")
    term = m.pick(
        f"{a} * ({m.kernel('x')})", f"{a} * {b} * h", f"{m.new('W')} @ ({a} * x)",
        f"{m.new('W')} @ ({a} * {m.f(m.kernel('x'))})",
        f"{a} * {a} * h + {b} * h", f"{a} * {b} * ({m.kernel('x')})", f"{a} * ({b} + h)",
        f"{a} * ({m.affine('x')})",
        f"({m.kernel('x')}) * ({m.kernel('h')})", f"({m.affine('x')}) * ({m.affine('h')})",
    )  # fmt: skip
    also = m.pick(f"{a} * {s}", f"{b} * {s}", f"{s} * h", s, f"{b} * {s} * h", f"({m.kernel('h')})")
    if f"({a} * x)" in term or f"({a} * " in term:  # a is of another size there
        also = also.replace(a, b)
    first = m.f(term) if m.chance(0.6) else term
    m.state(
        "h", m.pick(f"{first} + {also}", f"{first} * ({also})", f"{s} * {m.f(m.sum([term, also]))}")
    )
    return m.text()


@kind
def tied(m: Maker) -> str:
    """Few names used over and over: kernels, biases and scalars shared by many terms."""
    a = m.scalar()
    states = m.random.choice((["h"], ["c", "h"]))
    known = [*states, "b1_", "b2_"]

    def kernel() -> str:
        return m.pick("U1", "U2", "(U1 + U2)", "(-U1)", f"({a} * U2)", "(U1 @ U2)")

    def term(depth: int) -> str:
        form = m.random.randrange(7 if depth else 3)
        if form == 0:
            return m.pick(*known)
        if form == 1:
            return f"{kernel()} @ {m.pick(*(k for k in known if k[0] != 'b'))}"
        if form == 2:
            return f"{m.pick('W1', 'W2')} @ {m.pick('x', 'tanh(x)')}"
        if form == 3:
            return f"tanh({term(depth - 1)})"
        if form == 4:
            return f"(1 - {a}) * ({term(depth - 1)} + b1_)"
        return f"({term(depth - 1)}){m.pick(' + ', ' - ', ' * ')}({term(depth - 1)})"

    for state in states:
        m.state(state, f"tanh({term(2)} + {term(1)} + W1 @ x + {a} * {state})")
        known.append(f"{state}'")
    return m.text()


@kind
def products(m: Maker) -> str:
    """Commutators, powers and sums of products of square kernels."""
    A, B = m.new("A"), m.new("B")
    term = m.pick(
        f"{A} @ ({B} @ h) - {B} @ ({A} @ h)", f"{A} @ ({A} @ h)", f"({A} @ {B} + {B}) @ h",
        f"{A} @ ({B} @ h)", f"{A} @ ({B} @ h) + {A} @ h", f"{A} @ ({m.new('a')} * ({B} @ h))",
        f"{A} @ ({m.new('a')} * ({A} @ h))", f"({A} + {B}) @ h + {A} @ ({B} @ h)",
        f"{A} @ ({B} @ ({m.new('C')} @ h))", f"{A} @ h + {B} @ h",
    )  # fmt: skip
    inside = m.sum([term, *m.some([m.kernel("x"), m.new("b")])])
    m.state("h", m.pick(m.f(inside), inside))
    return m.text()

"""Random cells in the shape of those that people use: gates, memories, layers in a cell."""

from __future__ import annotations

from stress.making import ENTIRE, SMOOTH, Maker, kind


@kind
def gru_like(m: Maker) -> str:
    """Gates, the reset before or after the product, any number of biases."""
    if m.chance(0.2):
        m.functions = ENTIRE
    z = m.gate(*m.some(["x", "h"], 1))
    r = m.gate(*m.some(["x", "h"], 1))
    inside = m.pick(
        m.affine(f"{r} * h"), f"{r} * ({m.affine('h')})", f"{r} * h", f"{m.new('u')} * {r} * h"
    )
    n = m.line(m.f(m.sum([m.affine("x"), inside])), "n")
    m.state("h", m.mixed(z, "h", n))
    return m.text()


@kind
def lstm_like(m: Maker) -> str:
    """A memory and an output, with peepholes, coupled gates, a projection."""
    projected = m.chance(0.3)
    if projected:
        m.declare("h", "p")
    c_parts = [f"{m.new('p')} * c" for _ in range(2)] if m.chance(0.3) else []
    if m.chance(0.15):
        c_parts = [m.kernel("c"), m.kernel("c")]
    i = m.line(m.f(m.sum([m.affine("x", "h"), *c_parts[:1]])), "i")
    f = m.line(m.f(m.sum([m.affine("x", "h"), *c_parts[1:]])), "f")
    if m.chance(0.2):
        f = f"(1 - {i})"
    g = m.gate("x", "h")
    m.state("c", f"{f} * c + {i} * {g}")
    last = m.pick("c'", "c") if m.chance(0.3) else ""
    o = m.line(m.f(m.sum([m.affine("x", "h"), *([f"{m.new('p')} * {last}"] if last else [])])), "o")
    out = f"{o} * {m.pick('tanh(c' + chr(39) + ')', 'c' + chr(39))}"
    if projected:
        out = f"{m.new('P')} @ ({out})" + (f" + {m.new('b')}" if m.chance(0.5) else "")
    m.state("h", out)
    return m.text()


@kind
def several_states(m: Maker) -> str:
    """Two or three states, each of its own size or of the same."""
    states = ["h", "c", "s"][: m.random.choice((2, 2, 3))]
    for name in states[1:]:
        if m.chance(0.6):
            m.declare(name, m.pick("p", "q"))
    for name in states:
        parts = m.some([m.kernel("x"), *(m.kernel(s) for s in states), m.new("b")], 1)
        if m.chance(0.5):
            parts.append(f"{m.new('a')} * {name}")
        new = m.f(m.sum(parts))
        if m.chance(0.4):
            new = m.mixed(m.f(m.affine(*m.some(["x", *states], 1))), name, new)
        m.state(name, new)
    return m.text()


@kind
def residual(m: Maker) -> str:
    """A network of one hidden layer in the cell, with and without the old state added."""
    inner = m.f(m.affine(*m.some(["x", "h"], 1)))
    expression = f"{m.new('A')} @ {inner}"
    if m.chance(0.3):
        expression = f"{m.new('A')} @ {m.f(m.sum([expression, m.new('b')]))}"
    if m.chance(0.5):
        expression += f" + {m.new('b')}"
    expression = m.pick(expression, m.f(expression), m.f(m.sum([expression, m.kernel("h")])))
    m.state("h", m.pick(f"h + {expression}", expression, f"{m.new('a')} * h + {expression}"))
    return m.text()


@kind
def two_layers(m: Maker) -> str:
    """Two layers in one cell, each with a state, or a deep transition of one state."""
    if m.chance(0.5):
        m.declare("c", m.pick("n", "p"))
        m.state("c", m.f(m.affine("x", "c")))
        z = m.gate("c'", "h") if m.chance(0.4) else ""
        new = m.f(m.affine("c'", *m.some(["h"])))
        m.state("h", m.mixed(z, "h", new) if z else new)
        return m.text()
    first = m.line(m.f(m.affine("x", "h")), "u")
    second = m.line(m.f(m.affine(first)), "u") if m.chance(0.4) else first
    if m.chance(0.5):
        m.declare(first, m.pick("n", "p"))
    m.state("h", m.f(m.affine(second, *m.some(["h", "x"]))))
    return m.text()


@kind
def projection(m: Maker) -> str:
    """A projection with a bias before or behind it, twin kernels before the same data."""
    m.declare("h", "p")
    o, g = m.gate("x", "h"), m.gate("x", "h")
    m.state("c", f"{m.f(m.affine('x'))} * c + {g}")
    out = f"({o} * tanh(c'))"
    terms = [f"{m.new('P')} @ {out}"]
    terms += [
        m.pick(m.new("b"), f"{m.new('P')} @ {out}", m.kernel("x"), m.new("b"))
        for _ in range(m.random.choice((0, 1, 2)))
    ]
    result = m.sum(terms)
    m.state("h", m.f(result) if m.chance(0.3) else result)
    return m.text()


@kind
def multiplicative(m: Maker) -> str:
    """A product of two kernels' values inside, of a size of its own or of n."""
    inner = f"({m.affine('x', biases=0)}) * ({m.kernel('h')})"
    if m.chance(0.3):
        inner = f"({m.affine('x')}) * ({m.affine('h')})"
    w = m.line(inner, "w")
    if m.chance(0.6):
        m.declare(w, m.pick("n", "n", "p", "2"))
    gate = m.f(m.sum([m.kernel("x"), m.kernel(w), *m.some([m.new("b")])]))
    second = m.f(m.sum([m.kernel("x"), m.kernel(w)])) if m.chance(0.5) else "h"
    m.state("h", m.pick(gate, f"{gate} * {second}", m.mixed(gate, "h", second)))
    return m.text()


@kind
def tied_input(m: Maker) -> str:
    """The input has the state's size and stands beside it; kernels are used twice."""
    m.lines.append("x: n")
    W = m.new("W")
    r = m.line(m.f(m.sum([f"{W} @ x", m.pick(f"{W} @ h", m.kernel("h")), m.new("b")])), "r")
    g = m.line(m.f(m.sum([m.kernel("x"), m.pick(f"{W} @ c", f"{m.new('v')} * c", "x")])), "g")
    m.state("c", m.mixed(r, "c", m.pick("x", f"({W} @ x)", f"({m.kernel('x')})")))
    m.state("h", m.mixed(g, "x", m.pick("c'", "tanh(c')", f"{m.scaled('h')} + x")))
    return m.text()


@kind
def free_form(m: Maker) -> str:
    """Any expression of the right size, a few levels deep, with values used again."""
    m.functions = m.random.choice((SMOOTH, ENTIRE))
    values = {"m": ["x"], "n": ["h"]}

    def vector(size: str, depth: int) -> str:
        known = values[size]
        if depth == 0:
            return m.pick(*known, m.new("b"))
        form = m.pick("sum", "sum", "times", "kernel", "kernel", "f", "complement", "old")
        if form == "kernel":
            return f"({m.new('W')} @ ({vector(m.pick('m', 'n'), depth - 1)}))"
        if form == "f":
            return m.f(vector(size, depth - 1))
        if form == "complement":
            return f"(1 - {vector(size, 0)})"
        if form == "old":
            return m.pick(*known)
        sign = m.pick(" + ", " - ") if form == "sum" else " * "
        return f"({vector(size, depth - 1)}{sign}{vector(size, depth - 1)})"

    for _ in range(m.random.choice((0, 1, 2))):
        values["n"].append(m.line(f"{m.new('W')} @ x + {vector('n', 2)}"))
    used = "".join(f" + {name}" for name in values["n"][1:])
    m.state("h", f"{m.new('W')} @ h + {vector('n', 3)}{used}")
    return m.text()

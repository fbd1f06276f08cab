"""Layers: what is proved for all sizes, what a hidden state hides, and float64 as the judge."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
import torch
from cells import shapes_at

from gru_sym import Cell, Layer, cell, redundancy
from gru_sym.certificates import effective_count, layers
from gru_sym.certificates.all_sizes import FalseFamily
from gru_sym.certificates.finding import Redundancy
from gru_sym.certificates.gauge import _Search, gauges
from gru_sym.certificates.reached import reached
from gru_sym.certificates.rewritten import one_step
from gru_sym.certificates.unrolled import UnrolledLayer

m, n, p = sp.symbols("m n p")

SCALE = "c' = a * c + W @ x\nh' = tanh(d * c' + b)"
LINEAR = "s' = A @ s + B @ x\nh' = C @ s'"
GATED = "c' = sigmoid(V @ x) * c + W @ x\nh' = tanh(d * c' + b)"
MINGRU = "z = sigmoid(W_z @ x + b_z)\ng = W_h @ x + b_h\nh' = (1 - z) * h + z * g"
BARE_LSTM = (
    "i = sigmoid(W_i @ x + U_i @ h)\nf = sigmoid(W_f @ x + U_f @ h)\ng = tanh(W_g @ x + U_g @ h)\n"
    "o = sigmoid(W_o @ x + U_o @ h)\nc' = f * c + i * g\nh' = o * tanh(c')"
)


def text_of(name: str) -> Cell:
    """A cell of the catalogue, or a text."""
    return Cell(name) if "=" in name else cell(name)


# The judge: Python's own `exec` on the text, PyTorch's derivatives, float64 singular values


def run_text(text: str, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The next states, by executing the text as Python."""
    scope = {**vars(torch), "softplus": torch.nn.functional.softplus, **values}
    for line in text.split("\n"):
        code = re.sub(r"(\w)'", r"\1_next", line.split("#")[0])
        if "=" in code:
            exec(code.strip(), scope)  # noqa: S102 - the texts are ours
    return scope


def judged(
    layer: Layer, steps: int, sizes: dict[str, int], observed: str = "sequence", seed: int = 3
) -> int:
    """The rank of a layer's outputs by its parameters, at random numbers, with a clear gap."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {}
    for parameter in layer.parameters:
        shapes[parameter.name] = tuple(int(s.subs(sizes)) for s in parameter.shape)
    lengths = {name: int(np.prod(shape, dtype=int)) for name, shape in shapes.items()}

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    flat, width = 1.2 * random(sum(lengths.values())), shapes_at(layer.cell, sizes)["x"][0]
    samples = 3 * len(flat) // (steps if observed == "sequence" else 1) + 4
    inputs = 1.5 * random(steps, width, samples)  # one sequence a column
    top = max([int(re.search(r"_l(\d+)", name)[1]) for name in shapes if "0_l" not in name])

    def along(sequence, level, suffix, arrays):
        copy = f"_l{min(level, top)}{'' if layer.share_directions else suffix}"
        parameters = {name: arrays[name + copy] for name in layer.cell.program.parameters}
        now = {
            state: arrays.get(
                f"{state}0_l{level}{suffix}",
                torch.zeros(shapes_at(layer.cell, sizes)[state][0], 1, dtype=torch.float64),
            )
            for state in layer.cell.states
        }
        outputs = []
        for x in sequence:
            done = run_text(layer.cell.text, {"x": x, **now, **parameters})
            now = {state: done[f"{state}_next"] for state in layer.cell.states}
            outputs.append(now[layer.cell.output].expand(-1, samples))
        return outputs

    def outputs(vector):
        parts = torch.split(vector, list(lengths.values()))
        arrays = {
            name: part.reshape(shape if len(shape) != 1 else (*shape, 1))
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }
        now = list(inputs)
        for level in range(layer.num_layers):
            passes = [along(now, level, "", arrays)]
            if layer.bidirectional:
                passes.append(along(now[::-1], level, "_reverse", arrays)[::-1])
            now = [torch.cat(both) for both in zip(*passes, strict=True)]
        return torch.cat(now if observed == "sequence" else now[-1:]).reshape(-1)

    jacobian = torch.func.jacrev(outputs)(flat)
    norms = jacobian.norm(dim=0)
    singular = torch.linalg.svdvals(jacobian[:, norms > 0] / norms[norms > 0])
    kept = int((singular > 1e-10 * singular[0]).sum()) if len(singular) else 0
    if 0 < kept < len(singular):
        assert singular[kept - 1] / singular[kept].clamp_min(1e-16) > 1e4, singular
    return kept


CASES = [
    ("gru.pytorch", {}, 2, 2),
    ("gru.pytorch", {"bidirectional": True}, 3, 2),
    ("gru.pytorch", {"num_layers": 2}, 3, 1),
    ("gru.pytorch", {"bidirectional": True, "share_directions": True}, 3, 2),
    ("gru.pytorch", {"learn_initial_state": True}, 3, 2),
    ("gru.cho2014", {}, 2, 2),
    ("gru.dey_salem_3", {}, 3, 2),
    ("minimal.mgu_flax", {}, 2, 2),
    ("lstm.pytorch", {}, 3, 2),
    ("lstm.peephole", {}, 3, 1),
    ("lstm.keras", {"num_layers": 2}, 3, 1),
    ("rnn.pytorch", {"num_layers": 3}, 3, 2),
    ("rnn.elman", {"num_layers": 2, "bidirectional": True}, 3, 2),
    ("rnn.elman", {"num_layers": 3, "share_layers": True}, 3, 2),
    (BARE_LSTM, {}, 3, 2),
    (SCALE, {}, 4, 2),
    (SCALE, {"learn_initial_state": True}, 4, 2),
    (SCALE, {"bidirectional": True}, 3, 2),
    (LINEAR, {}, 4, 2),
    (LINEAR, {"bidirectional": True}, 4, 2),
    ("s' = a * s + B @ x\nh' = C @ s'", {}, 4, 2),
    ("s' = A @ s + B @ x + b\nh' = tanh(C @ s' + D @ x)", {}, 4, 2),
    ("c' = sigmoid(V @ x) * c + W @ x\nh' = tanh(d * c' + b + U @ h)", {}, 4, 2),
    ("c' = a * c + W @ x\nh' = tanh(d * c')\nd: 1", {}, 4, 2),
    (MINGRU, {}, 3, 2),
    (MINGRU, {"num_layers": 2}, 3, 2),
    (MINGRU, {"num_layers": 2, "bidirectional": True}, 3, 2),
    ("h' = A @ h + B @ x", {}, 4, 2),
    ("h' = A @ h + B @ x + b", {"num_layers": 2}, 4, 2),
    ("h' = h * sigmoid(W @ x + b)", {}, 3, 2),
    ("z = sigmoid(w @ x + b)\nh' = z * h + (1 - z) * tanh(W @ x + U @ h)\nz: 1", {}, 3, 2),
    ("x: n\nf = sigmoid(W_f @ x + v_f * h + b_f)\nh' = f * h + (1 - f) * (W @ x)", {}, 3, 2),
]


@pytest.mark.parametrize(("name", "options", "steps", "size"), CASES)
def test_the_bounds_hold_the_rank_that_float64_sees(name, options, steps, size):
    layer = Layer(text_of(name), **options)
    sizes = {"m": 2, "n": size} if "m" in layer.cell.size_names else {"n": size}
    count = effective_count(layer, steps=steps, **sizes)
    rank = judged(layer, steps, sizes)
    assert count.lower == rank <= count.upper <= count.stored
    assert count.certified, count.scope


@pytest.mark.parametrize("name", ["gru.pytorch", "rnn.elman", SCALE, LINEAR])
def test_the_last_output_alone(name):
    layer, sizes = Layer(text_of(name)), {"m": 2, "n": 2}
    count = effective_count(layer, steps=3, observed="last", **sizes)
    assert count.lower == judged(layer, 3, sizes, "last") <= count.upper


# All sizes

PROVED = [
    ("gru.pytorch", {}, 3 * m * n + 3 * n**2 + 4 * n, 2),
    ("gru.pytorch", {"bidirectional": True}, 2 * (3 * m * n + 3 * n**2 + 4 * n), 2),
    (
        "gru.answer",
        {"bidirectional": True, "share_directions": True},
        3 * (m * n + n**2 + n),
        2,
    ),
    ("rnn.pytorch", {}, m * n + n**2 + n, 2),
    ("rnn.pytorch", {"num_layers": 2}, m * n + 3 * n**2 + 2 * n, 3),
    ("gru.pytorch", {"learn_initial_state": True}, 3 * m * n + 3 * n**2 + 5 * n, 2),
    ("lstm.pytorch", {"learn_initial_state": True}, 4 * (m * n + n**2 + n) + 2 * n, 3),
    ("lstm.pytorch", {}, 4 * (m * n + n**2 + n), 3),
    ("lstm.keras", {}, 4 * (m * n + n**2 + n), 3),
    ("lstm.peephole", {}, 4 * (m * n + n**2 + n) + 3 * n, 3),
    (BARE_LSTM, {}, 4 * (m * n + n**2), 3),
    (MINGRU, {}, 2 * (m * n + n), 2),
]


@pytest.mark.parametrize(("name", "options", "formula", "steps"), PROVED)
def test_a_layer_is_proved_for_all_sizes(name, options, formula, steps):
    """From exactly so many steps on; large sizes are settled by the formula."""
    layer = Layer(text_of(name), **options)
    count = effective_count(layer)
    assert count.certified and not count.condition and sp.expand(count.effective - formula) == 0
    assert f"from {steps} steps on" in count.scope
    assert effective_count(layer, steps=steps).certified
    assert not effective_count(layer, steps=steps - 1).certified
    large = effective_count(layer, m=128, n=256)
    assert large.certified and large.effective == formula.subs({m: 128, n: 256})


@pytest.mark.parametrize(("name", "options", "formula", "steps"), PROVED)
def test_the_exact_rank_agrees_where_the_theorem_speaks(name, options, formula, steps):
    layer, sizes = Layer(text_of(name), **options), {"m": 1, "n": 2}
    assert UnrolledLayer(layer, steps, "sequence", sizes).rank() == formula.subs(sizes)


def test_a_projected_lstm_whose_output_is_no_wider_than_its_memory():
    layer = Layer(cell("lstm.projected"))
    count = effective_count(layer)
    assert count.certified and count.condition == "p is at most n"
    assert sp.expand(count.effective - (4 * (n * p + n * m + n) + p * n)) == 0
    assert effective_count(layer, m=100, n=80, p=80).certified
    wide = effective_count(layer, m=100, n=80, p=81)
    assert not wide.certified and "p to be at most n" in wide.scope


def test_no_formula_where_none_is_proved():
    """A bound, with its reason; never a crash."""
    for layer, reason in (
        (Layer(cell("gru.pytorch"), "L"), "so many levels"),
        (Layer(cell("rnn.elman"), 2, bidirectional=True), "both directions"),
        (Layer(Cell("h' = tanh(W @ x) + 0 * h"), learn_initial_state=True), "first state"),
        (Layer(Cell("h' = relu(W @ x + U @ h)")), "piecewise"),
        (Layer(Cell("h' = tanh(U @ h + b)")), "reached from 0"),
    ):
        count = effective_count(layer)
        assert not count.certified and count.lower == 0 and reason in count.scope
        assert sp.expand(count.upper + count.redundant - count.stored) == 0
    high = effective_count(Layer(cell("gru.pytorch"), "L", bidirectional=True))
    assert sp.expand(high.redundant - 4 * n * sp.Symbol("L")) == 0
    assert effective_count(Layer(cell("rnn.pytorch"), "L"), L=2, m=99, n=100).redundant == 200
    last = effective_count(Layer(cell("rnn.elman")), observed="last")
    assert not last.certified and "whole sequence" in last.scope
    relu = effective_count(Layer(Cell("h' = relu(W @ x + U @ h + a + b)")), m=2, n=3)
    assert (relu.lower, relu.upper) == (0, relu.stored - 3)


# Each hypothesis: a layer that loses more than its cell where it fails

NEEDED = [
    ("no state but 0 is reached", "h' = h * sigmoid(W @ x + b)", 4, {"m": 1, "n": 2}),
    ("the states do not depend on inputs", "h' = tanh(U @ h + b)", 3, {"n": 3}),
    ("a linear cell needs n/m steps", "h' = A @ h + B @ x", 2, {"m": 1, "n": 3}),
    (
        "not every unit has its own factor",
        "h' = s * h + d * h + W @ x\ns: 1\nd: 1",
        4,
        {"m": 1, "n": 1},
    ),
    ("an output wider than the memory", "lstm.projected", 4, {"m": 1, "n": 1, "p": 2}),
    ("a hidden state is scaled", SCALE, 4, {"m": 2, "n": 2}),
    ("a hidden state has no basis", LINEAR, 4, {"m": 2, "n": 2}),
    ("a hidden state is generic and scaled", GATED, 4, {"m": 2, "n": 2}),
    ("one step shows no state", "gru.pytorch", 1, {"m": 1, "n": 2}),
]


@pytest.mark.parametrize(("why", "name", "steps", "sizes"), NEEDED, ids=[e[0] for e in NEEDED])
def test_where_a_hypothesis_fails_nothing_is_claimed(why, name, steps, sizes):
    layer = Layer(text_of(name))
    rank = UnrolledLayer(layer, steps, "sequence", sizes).rank()
    proved = effective_count(layer.cell, **sizes).effective
    claim = layers._proved(layer, steps, "sequence", sizes)
    assert isinstance(claim, str) or claim.effective == rank
    if "factor" not in why:
        assert rank < proved and isinstance(claim, str)


def test_the_same_function_for_all_units_reaches_no_generic_state():
    """The exponential of one number, in common to all units, makes no unit's state free."""
    common = Cell("z = sigmoid(w @ x + b)\nh' = z * d + 0 * h\nz: 1")
    assert not reached(common).steps
    assert reached(Cell("h' = sigmoid(W @ x + b) * d + 0 * h")).steps == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("h' = relu(W @ x + U @ h)", "piecewise"),
        ("h' = tanh(W @ x + U @ h)\nh: 3", "sizes"),
        ("h' = tanh(A @ tanh(B @ x) + U @ h)", "inner space"),
        ("h' = tanh(sigmoid(M) @ h + W @ x)", "diagonal"),
        ("z = sigmoid(u @ h + b)\nh' = z * h + tanh(W @ x)\nz: 1", "generic"),
        ("z = sigmoid(U @ h + b)\nh' = z * tanh(W @ x) * sigmoid(b)", "generic"),
        ("h' = s * h + W @ x\ns: 1", "generic"),
        ("s = v @ x\nh' = tanh(s + b)\ns: 1", "generic"),
        ("s = v @ x\nh' = sigmoid(s + a) * sigmoid(s + b)\ns: 1", "generic"),
        ("h' = A @ h + b", "generic"),
        ("h' = h * h + W @ x", "generic"),
        ("h' = exp(1) * tanh(W @ x + U @ h) + softplus(0) * h", "softplus and exp"),
    ],
)
def test_what_the_theorem_on_reached_states_refuses(text, reason):
    known = reached(Cell(text))
    assert not known.steps and reason in known.reason


def test_states_that_read_others_are_not_seen_alone():
    assert "other states" in reached(cell("lstm.keras"), ("h",)).reason


def test_dependent_arguments_prove_nothing():
    cell_ = Cell("a = W @ x + U @ h\nh' = sigmoid(a) + sigmoid(softplus(a))")
    assert not reached(cell_).steps


def test_a_hidden_state_reached_late():
    """The second state reads the first of the step before: generic after two steps."""
    late = Cell("c' = tanh(V @ h + d)\nh' = tanh(W @ x + U @ h + c)")
    assert reached(late).steps == reached(Cell(GATED)).steps == 2


def test_one_step_keeps_the_shapes():
    """A scalar gate stays one, and a kernel that is used twice stays a kernel."""
    text = (
        BARE_LSTM.replace("f = sigmoid(W_f @ x + U_f @ h)", "f = sigmoid(w @ x + u @ h)") + "\nf: 1"
    )
    for name in (text, BARE_LSTM, "lstm.projected", "lstm.peephole"):
        original = text_of(name)
        step = one_step(original, original.states)
        for old, shape in original.sizes.shapes.items():
            for new in (old, f"{old}__", f"{old}__next"):
                assert step.sizes.shapes.get(new, shape) == shape
    assert effective_count(Layer(Cell(text))).certified
    tied = one_step(Cell("c' = tanh(K @ c + W @ x)\nh' = tanh(K @ c' + b)"), ("h",))
    assert "K @ c__" in tied.text and "K__c" not in tied.text


# The gauge of hidden states


def test_the_two_counterexamples():
    """The cells lose nothing; their layers lose n, and n squared."""
    for text, lost in ((SCALE, n), (LINEAR, n**2)):
        assert redundancy(Cell(text)).count() == 0
        layer = Layer(Cell(text))
        alone = effective_count(layer.cell, m=2, n=2)
        assert alone.certified and alone.effective == alone.stored
        count = effective_count(layer)
        assert not count.certified and count.condition == "n is at most 3*m"
        assert sp.expand(count.redundant - lost) == 0
        assert effective_count(layer, steps=1).redundant == 0
        for size in (1, 2, 3):
            at = effective_count(layer, m=2, n=size)
            assert at.certified and at.stored - at.effective == lost.subs(n, size)
            assert "other coordinates of the hidden" in at.scope


def test_a_stack_of_min_grus_of_the_field():
    """Two layers in both directions, m = 3, n = 4: 200 of 208."""
    count = effective_count(Layer(Cell(MINGRU), 2, bidirectional=True), m=3, n=4)
    assert count.certified and (count.effective, count.stored) == (200, 208)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (SCALE, ["unit"]),
        (LINEAR, ["similarity"]),
        ("c' = a * c + W @ x\nh' = tanh(d * c')\nd: 1", ["number"]),
        ("c' = tanh(a * c + W @ x)\nh' = tanh(d * c' + b)", []),
        ("s' = A @ s + B @ x\nh' = C @ s' + s", []),
        ("s' = A @ s + B @ x + 1\nh' = C @ s'", []),
        ("s' = tanh(A @ s + B @ x)\nh' = C @ s'", []),
        ("c' = a * c + W @ x + 1\nh' = tanh(d * c' + b)", []),
    ],
)
def test_which_gauges_there_are(text, kinds):
    found = Cell(text)
    hidden = tuple(state for state in found.states if state != "h")
    assert [gauge.kind for gauge in gauges(found, hidden)] == kinds


def test_a_gauge_that_moves_nothing_is_not_counted():
    """From 0, a state without inputs stays 0, and no coordinates of it can be told apart."""
    layer = Layer(Cell("c' = a * c\nh' = tanh(W @ x + d * c' + b)"))
    sizes = {"m": 2, "n": 2}
    count = effective_count(layer, **sizes)
    assert count.lower == judged(layer, 4, sizes) <= count.upper


def test_a_gauge_is_proved_and_must_move_what_is_reached():
    linear, scaled = (
        gauges(Cell(text), (state,))[0] for text, state in ((LINEAR, "s"), (SCALE, "c"))
    )
    for text, gauge in ((LINEAR, linear), (SCALE, scaled)):
        search = _Search(Cell(text), gauge.states)
        assert search.proves(gauge)
        for turned in range(len(gauge.powers)):
            powers = [(side, -e if i == turned else e) for i, (side, e) in enumerate(gauge.powers)]
            assert not search.proves(replace(gauge, powers=tuple(powers)))
    assert linear.is_free({"s": [[1, 0], [1, 1]]}) and not linear.is_free({"s": [[1, 2], [2, 4]]})
    assert scaled.is_free({"c": [[1, 2], [2, 4]]}) and not scaled.is_free({"c": [[1, 0], [2, 0]]})
    short = effective_count(Layer(Cell(LINEAR)), steps=2, m=1, n=3)
    assert not short.certified and short.lower == 6 and short.upper == short.stored


# Both sides are independent


def test_a_false_family_is_found_out(monkeypatch):
    layer = Layer(cell("rnn.pytorch"))
    found, verdict = layers.found_and_proved(layer.cell)
    twice = Redundancy(layer.cell, found.families * 2)
    monkeypatch.setattr(layers, "found_and_proved", lambda _: (twice, verdict))
    with pytest.raises(FalseFamily):
        effective_count(layer, m=2, n=2)


def test_a_false_gauge_is_found_out(monkeypatch):
    layer = Layer(Cell(LINEAR))
    found = layers._gauges(layer)
    monkeypatch.setattr(layers, "_gauges", lambda _: found * 2)
    with pytest.raises(FalseFamily):
        effective_count(layer, m=2, n=2)


def test_options_that_make_no_sense_are_refused():
    layer = Layer(cell("rnn.elman"))
    for options, sentence in (
        ({"steps": 0}, "positive integer, not 0"),
        ({"steps": True}, "positive integer, not True"),
        ({"steps": 2.0}, "positive integer, not 2.0"),
        ({"observed": "first"}, '"sequence", .* "last", .* not \'first\''),
        ({"q": 1}, "no size q"),
        ({"m": 0, "n": 1}, "positive integer, not 0"),
    ):
        with pytest.raises(ValueError, match=sentence):
            effective_count(layer, **options)


def test_the_same_certificate_under_every_hash_seed():
    code = (
        "from gru_sym import Cell, Layer, cell\n"
        "from gru_sym.certificates import effective_count as e\n"
        f"print(e(Layer(cell('gru.keras')), m=1, n=2), e(Layer(Cell({MINGRU!r}), 2), m=1, n=2))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("h' = v * sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x)) + U @ h", "to be independent"),
        ("h' = a * softplus(0) * h + exp(1) * b + W @ x", "softplus and exp at numbers"),
    ],
)
def test_a_rank_along_a_sequence_needs_independent_functions(text, reason):
    """W counts for nothing in the first: the product is 1, which random values do not know."""
    count = effective_count(Layer(Cell(text)), m=1, n=1)
    assert (count.lower, count.certified, reason in count.scope) == (0, False, True), count

"""One test for each claim of the Cross Validated answer, and what is shown of the open ones."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import sympy as sp
import torch
from cells import random_arrays, run_text

from gru_sym import Cell, cell, match, source
from gru_sym.codegen import schedule
from gru_sym.libraries.pytorch_comparison import compare
from gru_sym.records import conclusion_table, full_records

BOOK = Path(__file__).parent.parent / "book"
QUOTES = json.loads((BOOK / "data" / "quotes.json").read_text(encoding="utf-8"))
CLAIMS = [f"C{i}" for i in range(1, 12)]
m, n = sp.symbols("m n")
SIZES = {"m": 8, "n": 16}


def numbers_in(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def torch_step(arrays: dict[str, np.ndarray], gates: str = "rzn") -> np.ndarray:
    """The next state of a real `torch.nn.GRUCell` that holds these arrays, in float64."""
    size_in, hidden = arrays["x"].shape[0], arrays["h"].shape[0]
    module = torch.nn.GRUCell(size_in, hidden, dtype=torch.float64)
    packed = {
        "weight_ih": [arrays[f"W_i{g}"] for g in gates],
        "weight_hh": [arrays[f"W_h{g}"] for g in gates],
        "bias_ih": [arrays[f"b_i{g}"][:, 0] for g in gates],
        "bias_hh": [arrays[f"b_h{g}"][:, 0] for g in gates],
    }
    with torch.no_grad():
        for name, parts in packed.items():
            getattr(module, name).copy_(torch.from_numpy(np.concatenate(parts)))
        x, h = (torch.from_numpy(arrays[name].T) for name in ("x", "h"))
        return module(x, h).numpy().T


def as_answer(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PyTorch's parameters under the names of the answer's equations.

    PyTorch's z keeps the old state, the answer's lets in the new one: its z has the opposite sign.
    """
    renamed = {"x": arrays["x"], "h": arrays["h"]}
    for theirs, ours, sign in (("r", "r", 1), ("z", "z", -1), ("n", "h", 1)):
        renamed[f"W_{ours}"] = sign * arrays[f"W_i{theirs}"]
        renamed[f"U_{ours}"] = sign * arrays[f"W_h{theirs}"]
        renamed[f"b_{ours}W"] = sign * arrays[f"b_i{theirs}"]
        renamed[f"b_{ours}U"] = sign * arrays[f"b_h{theirs}"]
    return renamed


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_chapter_quotes_the_answer_word_for_word(claim):
    """The box of each claim holds the sentence of the answer, and a verdict in bold."""
    notebook = nbformat.read(BOOK / "claims.ipynb", as_version=4)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    box = re.search(rf"```{{admonition}} {claim}\n(.*?)```", text, re.DOTALL).group(1)
    quoted = re.findall(r"^> ?(.*)$", box, re.MULTILINE)
    assert " ".join(" ".join(quoted).split()) == " ".join(QUOTES[claim]["text"].split())
    assert re.search(r"\*\*(True|False|Open)", box)


def plain(text: str) -> str:
    return re.sub(r"[$\s]+", " ", text).strip()


def faults_of_the_table(text: str) -> list[str]:
    """Rows of the table of claims that misquote the answer, or differ from the claim's own box."""
    cells = r"^\| \[(C\d+)\]\(#(.*?)\) \| (.*?) \| (.*?) \| \{doc\}"
    rows = re.findall(cells, text, re.MULTILINE)
    if [row[0] for row in rows] != CLAIMS:
        return ["the rows are not the claims"]
    faults = []
    for claim, target, said, verdict in rows:
        box = re.search(rf"```{{admonition}} {claim}\n(.*?)```", text, re.DOTALL).group(1)
        if target != f"claim-{claim.lower()}" or f'({target})=\n<span id="{claim}">' not in text:
            faults.append(f"{claim} leads nowhere")
        words = re.findall('"(.*?)"', said)
        if not all(plain(quoted) in plain(QUOTES[claim]["text"]) for quoted in words or ["?"]):
            faults.append(f"{claim} does not say {words}")
        judged = {word for word in ("true", "false", "open") if word in verdict}
        if judged != {word.lower() for word in re.findall(r"\*\*(True|False|Open)", box, re.I)}:
            faults.append(f"the table calls {claim} {verdict!r}, its box does not")
    return faults


def test_the_table_of_claims_quotes_and_judges_as_the_boxes_do():
    notebook = nbformat.read(BOOK / "claims.ipynb", as_version=4)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert not faults_of_the_table(text)
    for old, new in (
        ('"algebraically the same"', '"algebraically equal"'),
        ("**false** as it stands", "**true** as it stands"),
        ("(#claim-c3)", "(#claim-c4)"),
        ("[C11](", "[C12]("),
    ):
        assert old in text and faults_of_the_table(text.replace(old, new, 1))


def test_c1_cho_et_al_omit_biases():
    assert cell("gru.cho2014").biases() == 0
    assert cell("gru.cho2014_v1").biases() == 0


def test_c2_dey_and_salem_s_count():
    gru = cell("gru.dey_salem")
    assert sp.expand(gru.count() - 3 * (n**2 + n * m + n)) == 0
    # The same from arrays that Python's own evaluation of the text accepts.
    arrays = random_arrays(gru, SIZES)
    run_text(gru, arrays)
    assert sum(arrays[p.name].size for p in gru.parameters) == gru.count(**SIZES) == 1200


def test_c3_three_sets_of_operations():
    gates = cell("gru.dey_salem").breakdown("gate")
    assert len(gates) == 3
    assert set(gates.values()) == {sp.expand(n**2 + n * m + n)}


def test_c4_the_shapes_follow_from_the_equations():
    shapes = {"W": (n, m), "U": (n, n), "b": (n,)}
    parameters = cell("gru.dey_salem").parameters
    assert len(parameters) == 9
    assert all(p.shape == shapes[p.name[0]] for p in parameters)


@pytest.mark.parametrize("kind", [torch.nn.GRU, torch.nn.LSTM, torch.nn.RNN])
def test_c4_the_layers_compute_the_equations(kind):
    """Outputs, states and gradients; see test_generated_pytorch.py for all options and sizes."""
    torch.manual_seed(0)
    layer = kind(3, 4, num_layers=2, bidirectional=True, dtype=torch.float64)
    assert compare(layer, torch.randn(5, 2, 3, dtype=torch.float64)).largest < 1e-12


@pytest.mark.parametrize(("bias", "name"), [(True, "gru.pytorch"), (False, "gru.cho2014_v1")])
def test_c5_pytorch_s_count(bias, name):
    assert cell(name).count(**SIZES) == numbers_in(torch.nn.GRU(8, 16, bias=bias))
    assert cell(name).count(**SIZES) == numbers_in(torch.nn.GRUCell(8, 16, bias=bias))


def test_c5_keras_counts_as_published():
    """From two published runs of one notebook; see test_layers.py for all published counts."""
    assert cell("gru.keras").count(**SIZES) == 1248
    assert cell("gru.keras_reset_before").count(**SIZES) == 1200


def test_c6_pytorch_computes_its_own_equations_and_not_the_answers():
    pytorch, answer = cell("gru.pytorch"), cell("gru.answer")
    for seed in range(5):
        arrays = random_arrays(pytorch, {"m": 3, "n": 4}, seed)
        real = torch_step(arrays)
        ours = run_text(pytorch, arrays)["h_next"]
        theirs = run_text(answer, as_answer(arrays))["h_next"]
        # Sums of seven terms of order one in double precision.
        np.testing.assert_allclose(ours, real, rtol=0, atol=1e-14)
        assert np.abs(theirs - real).max() > 1e-3


def test_c6_the_difference_entry_by_entry():
    """The candidate's argument: the sum of U_ij (r_i - r_j) h_j, less (1 - r_i) b_i."""
    arrays = random_arrays(cell("gru.pytorch"), {"m": 3, "n": 4})
    draw = np.random.default_rng(8)
    U, b, h, r = arrays["W_hn"], arrays["b_hn"], arrays["h"], draw.uniform(size=(4, 1))
    difference = r * (U @ h + b) - (U @ (r * h) + b)
    formula = ((U * (r - r.T)) @ h) - (1 - r) * b
    np.testing.assert_allclose(difference, formula, rtol=0, atol=1e-14)


@pytest.mark.parametrize("case", ["no bias", "diagonal"])
def test_c6_half_of_the_condition_is_not_enough(case):
    pytorch = cell("gru.pytorch")
    arrays = random_arrays(pytorch, {"m": 3, "n": 4}, seed=7)
    if case == "no bias":
        arrays["b_hn"] = np.zeros_like(arrays["b_hn"])
    else:
        arrays["W_hn"] = np.diag(np.diag(arrays["W_hn"]))
    theirs = run_text(cell("gru.answer"), as_answer(arrays))["h_next"]
    assert np.abs(theirs - torch_step(arrays)).max() > 1e-3


def test_c6_the_two_agree_where_units_share_their_gate():
    """Two groups of equal reset gates, a kernel that joins no two of them, and no bias."""
    pytorch = cell("gru.pytorch")
    arrays = random_arrays(pytorch, {"m": 3, "n": 4}, seed=7)
    groups = [0, 0, 2, 2]
    arrays["W_hn"] = arrays["W_hn"] * np.kron(np.eye(2), np.ones((2, 2)))
    arrays["b_hn"] = np.zeros_like(arrays["b_hn"])
    for name in ("W_ir", "W_hr", "b_ir", "b_hr"):
        arrays[name] = arrays[name][groups]
    theirs = run_text(cell("gru.answer"), as_answer(arrays))["h_next"]
    np.testing.assert_allclose(theirs, torch_step(arrays), rtol=0, atol=1e-14)


def test_c6_the_two_agree_where_the_recurrent_kernel_is_diagonal():
    """With U_h diagonal and no second candidate bias, before is after: the check can succeed."""
    pytorch, answer = cell("gru.pytorch"), cell("gru.answer")
    arrays = random_arrays(pytorch, {"m": 3, "n": 4}, seed=7)
    arrays["W_hn"] = np.diag(np.diag(arrays["W_hn"]))
    arrays["b_hn"] = np.zeros_like(arrays["b_hn"])
    theirs = run_text(answer, as_answer(arrays))["h_next"]
    np.testing.assert_allclose(theirs, torch_step(arrays), rtol=0, atol=1e-14)


def test_c7_true_of_the_answer_s_equations():
    answer, dey_salem = cell("gru.answer"), cell("gru.dey_salem")
    arrays = random_arrays(answer, {"m": 3, "n": 4})
    merged = {k: v for k, v in arrays.items() if not k.startswith("b_")}
    merged |= {f"b_{g}": arrays[f"b_{g}W"] + arrays[f"b_{g}U"] for g in "zrh"}
    ours, theirs = run_text(dey_salem, merged), run_text(answer, arrays)
    np.testing.assert_allclose(ours["h_next"], theirs["h_next"], rtol=0, atol=1e-14)


def test_c7_false_of_pytorch():
    """Equal sums of the candidate's two biases, another next state."""
    pytorch = cell("gru.pytorch")
    arrays = random_arrays(pytorch, {"m": 3, "n": 4})
    moved = arrays | {"b_in": arrays["b_in"] + 1, "b_hn": arrays["b_hn"] - 1}
    gates = arrays | {"b_iz": arrays["b_iz"] + 1, "b_hz": arrays["b_hz"] - 1}
    real, after_n, after_z = (torch_step(a) for a in (arrays, moved, gates))
    assert np.abs(after_n - real).max() > 1e-2
    np.testing.assert_allclose(after_z, real, rtol=0, atol=1e-14)


def test_c8_two_linear_layers_hold_as_many_numbers():
    linear = torch.nn.Linear(8, 48), torch.nn.Linear(16, 48)
    assert sum(map(numbers_in, linear)) == cell("gru.pytorch").count(**SIZES)


def test_c8_two_linear_layers_compute_pytorch_s_gru():
    """With the layer's own tensors. The answer's form has to call the second layer twice."""
    of_x, of_h, real = torch.nn.Linear(8, 48), torch.nn.Linear(16, 48), torch.nn.GRUCell(8, 16)
    of_x.load_state_dict({"weight": real.weight_ih, "bias": real.bias_ih})
    of_h.load_state_dict({"weight": real.weight_hh, "bias": real.bias_hh})
    x, h = torch.randn(5, 8), torch.randn(5, 16)
    (r_x, z_x, n_x), (r_h, z_h, n_h) = of_x(x).chunk(3, -1), of_h(h).chunk(3, -1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    composed = (1 - z) * torch.tanh(n_x + r * n_h) + z * h
    # float32: a few units of 2**-24 of sums of 24 terms below 1.
    torch.testing.assert_close(composed, real(x, h), rtol=0, atol=1e-6)
    assert schedule(cell("gru.pytorch")).products_per_step == 1
    assert schedule(cell("gru.answer")).products_per_step == 2


def test_c9_a_second_bias_saves_no_product():
    """The number of products that wait follows the reset gate, whatever the biases are."""
    for name, biases, products in (
        ("gru.dey_salem", 3, 2),
        ("gru.answer", 6, 2),
        ("gru.flux", 3, 1),
        ("gru.merged", 4, 1),
        ("gru.pytorch", 6, 1),
    ):
        assert cell(name).biases() == biases * n
        assert schedule(cell(name)).products_per_step == products


@pytest.mark.parametrize(
    ("one", "two"), [("gru.merged", "gru.pytorch"), ("gru.dey_salem", "gru.answer")]
)
def test_c9_pairs_that_can_be_merged_do_not_reach_the_loop(one, two):
    for library in ("numpy", "torch"):
        loops = {source(cell(name), library).function("sequence").loop() for name in (one, two)}
        assert len(loops) == 1


def test_c9_the_bias_inside_the_reset_stays_in_the_loop():
    for library in ("numpy", "torch"):
        loop = source(cell("gru.pytorch"), library).function("sequence").loop()
        assert "r * (n_h + b_hn)" in loop
        other = source(cell("gru.flux"), library).function("sequence").loop()
        assert other == loop.replace("(n_h + b_hn)", "n_h")


def test_c9_is_said_as_it_was_recorded():
    """The words of three pages, against the records."""
    records = full_records(BOOK / "evidence", "cpu")
    assert len(records) >= 2
    rows = {(row[0], row[2]): row[3:] for row in conclusion_table(records).rows}
    for work in ("forward", "forward and backward"):
        for question in ("the bias inside the reset", "reset before, not after"):
            told = rows[question, work]
            assert float(told[0].split(" to ")[0]) > 1, "the smallest size costs time"
            assert told[1:] == ("not told apart",) * 2
    assert all(float(e.split(" to ")[0]) > 1 for r in rows.values() for e in r if e[0] in "01")
    for page in ("index", "claims", "gpu"):
        notebook = nbformat.read(BOOK / f"{page}.ipynb", as_version=4)
        text = " ".join(" ".join(c.source for c in notebook.cells).split())
        is_open = not full_records(BOOK / "evidence", "cuda")
        assert bool(re.search("not (recorded|measured) on a GPU yet", text)) == is_open, page


def test_c9_a_count_does_not_depend_on_the_device():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert numbers_in(torch.nn.GRU(8, 16, device=device)) == cell("gru.pytorch").count(**SIZES)


def test_c10_more_parameters_can_add_no_function():
    """The answer's doubled biases: 3n more numbers, and no function that was not there."""
    assert cell("gru.answer").count() - cell("gru.dey_salem").count() == 3 * n
    test_c7_true_of_the_answer_s_equations()


def recorded() -> list[dict]:
    return full_records(BOOK / "evidence" / "experiment", "cpu")[-1].rows


def test_c10_more_effective_parameters_kept_more_labels_from_every_seed():
    """Read from the record by hand: the rate that keeps most, each seed for itself."""
    kept: dict[tuple[str, int], np.ndarray] = {}
    for row in (row for row in recorded() if row["table"] == "capacity"):
        key = row["cell"], row["budget"]
        kept[key] = np.maximum(kept.get(key, 0), row["bits"])
    cells = {name for name, _ in kept}
    assert cells == {"rnn.pytorch", "gru.merged", "gru.pytorch", "lstm.pytorch"}
    for name in cells:
        assert (kept[name, 200] > kept[name, 100]).all() and len(kept[name, 100]) == 10


@pytest.mark.parametrize(
    ("lstm_id", "tasks"),
    [("lstm.textbook", {"adding", "copy"}), ("lstm.textbook, b_f + 1", {"adding"})],
)
def test_c11_the_gru_is_told_from_the_lstm_on_some_tasks_and_never_behind(lstm_id, tasks):
    """Told is: better from 22 of 25 seeds, by chance once in 30 records of 200 comparisons."""
    assert 200 * 2 * sum(math.comb(25, k) for k in range(4)) / 2**25 < 1 / 30
    tests = {
        (row["task"], row["cell"], row["n"]): np.array(row["test"])
        for row in recorded()
        if row["table"] == "scores"
    }
    ahead, behind = set(), set()
    sizes = [row for row in recorded() if row["table"] == "sizes"]
    for gru in (row for row in sizes if row["cell"] == "gru.pytorch"):
        same = {key: gru[key] for key in ("task", "budget", "by")} | {"cell": lstm_id}
        lstm = next(row for row in sizes if same.items() <= row.items())
        one, other = (tests[row["task"], row["cell"], row["n"]] for row in (gru, lstm))
        assert len(one) == len(other) == 25
        ahead |= {gru["task"]} if (one > other).sum() >= 22 else set()
        behind |= {gru["task"]} if (one < other).sum() >= 22 else set()
    assert ahead == tasks and not behind


def test_c11_one_model_has_several_counts():
    counts = {cell(name).count(**SIZES) for name in ("gru.pytorch", "gru.merged", "gru.flux")}
    assert len(counts) == 3


@pytest.mark.parametrize(("size_in", "hidden"), [(1, 1), (128, 256), (7, 3)])
def test_c11_three_to_four_in_pytorch_alone(size_in, hidden):
    """Built layers of PyTorch; Keras' and Flax' counts from their tensors' shapes."""
    gru, lstm = (numbers_in(kind(size_in, hidden)) for kind in (torch.nn.GRU, torch.nn.LSTM))
    weights = hidden * (size_in + hidden)
    assert 4 * gru == 3 * lstm
    for biases, name in ((6, "gru.keras"), (4, "gru.merged")):
        stored = cell(name).count(m=size_in, n=hidden)
        assert stored == 3 * weights + biases * hidden
        assert 4 * stored - 3 * (4 * weights + 4 * hidden) == (4 * biases - 12) * hidden > 0


def test_c11_the_equal_lstm_depends_on_whose_count_it_is():
    """The largest LSTM with no more parameters than a GRU of 256 on 128 numbers."""
    budget = numbers_in(torch.nn.GRU(128, 256))
    fits = [numbers_in(torch.nn.LSTM(128, size)) <= budget for size in (214, 215)]
    assert fits == [True, False]
    keras = 3 * 256 * (128 + 256) + 6 * 256
    assert [4 * size * (128 + size + 1) <= keras for size in (215, 216)] == [True, False]
    for gru, lstm, size in (("gru.pytorch", "lstm.pytorch", 214), ("gru.keras", "lstm.keras", 215)):
        assert match(cell(lstm), cell(gru), m=128, n=256).n == size


def test_a_changed_equation_is_noticed():
    """The tests above read the catalogue: with the reset gate moved, C6 has nothing to show."""
    text = cell("gru.pytorch").text.replace("r * (W_hn @ h + b_hn)", "W_hn @ (r * h) + b_hn")
    arrays = random_arrays(cell("gru.pytorch"), {"m": 3, "n": 4})
    wrong = run_text(Cell(text), arrays)["h_next"]
    assert np.abs(wrong - torch_step(arrays)).max() > 1e-3

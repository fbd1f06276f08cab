"""The command line: answers on standard output, one line on standard error for bad input."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
from decimal import Decimal

import pytest
import sympy as sp
import torch
from cells import cell_texts
from hypothesis import given, settings

from gru_sym import Cell, CellError, Layer, catalogue, cell, effective_count
from gru_sym.__main__ import main

LOW_RANK_GRU = """\
# A GRU of ten lines with low-rank kernels, a leak and a normaliser; no catalogue has it.
rho: 1
u   = B @ x
r   = sigmoid(A_r @ u + U_r @ h + b_r)
z   = sigmoid(A_z @ u + U_z @ h + b_z)
s   = softplus(p * h)
c   = tanh(A_c @ u + r * (C @ (D @ h)) / 2 + b_c)
mix = (1 - z) * c + z * h
h'  = rho * mix + (1 - rho) * h - g * s
"""


@pytest.fixture
def run(capsys, monkeypatch):
    def call(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_issue_s_own_examples(run):
    code, out, err = run("count", "gru.dey_salem", "-m", "8", "-n", "16", "--json")
    answer = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert answer["count"] == 1200 and answer["weights"] == 1152 and answer["biases"] == 48
    assert sp.sympify(answer["formula"]) == sp.sympify("3*m*n + 3*n**2 + 3*n")
    assert answer["cell"] == "gru.dey_salem" and answer["sizes"] == {"m": 8, "n": 16}
    assert (
        json.loads(run("count", "gru.pytorch", "-m", "8", "-n", "16", "--json")[1])["count"] == 1248
    )


def test_sizes_of_any_length(run):
    answer = json.loads(run("count", "gru.pytorch", "-m", "65536", "-n", "65536", "--json")[1])
    assert answer["count"] == 25_770_196_992
    value = 10**6000 - 1
    out = run("count", "rnn.elman", "-m", "1", "-n", "9" * 6000, "--json")[1]
    assert json.loads(out, parse_int=Decimal)["count"] == value**2 + 2 * value


@pytest.mark.parametrize("size", ["65,536", "65_536"])
def test_numbers_as_summaries_print_them(run, size):
    for command in (
        ["count", "gru.pytorch"],
        ["cost", "gru.pytorch"],
        ["effective", "gru.pytorch"],
    ):
        plain = run(*command, "-m", "65536", "-n", "8", "--json")
        assert run(*command, "-m", size, "-n", "8", "--json") == plain and plain[0] == 0
    assert run("count", "gru.pytorch", "-m", "65,53", "-n", "8")[0] == 2


def test_python_s_limit_for_long_numbers_is_as_it_was(run):
    limit = sys.get_int_max_str_digits()
    assert limit and run("count", "gru.pytorch")[0] == 0 and run("count", "nosuch")[0] == 2
    assert sys.get_int_max_str_digits() == limit


def test_an_own_cell_on_standard_input(run):
    code, out, err = run("count", "-", "--json", "-m", "100", "-n", "50", "--set", "k=4",
                         "--set", "k2=3", stdin=LOW_RANK_GRU)  # fmt: skip
    assert (code, err) == (0, "")
    answer = json.loads(out)
    m, n, k, k2 = sp.symbols("m n k k2")
    expected = k * m + 3 * n * k + 2 * n**2 + 2 * n * k2 + 5 * n + 1
    assert sp.expand(sp.sympify(answer["formula"]) - expected) == 0
    assert answer["count"] == expected.subs({m: 100, n: 50, k: 4, k2: 3})
    shown = json.loads(run("show", "-", "--json", stdin=LOW_RANK_GRU)[1])
    shapes = {p["name"]: p["shape"] for p in shown["parameters"]}
    assert shapes["B"] == ["k", "m"] and shapes["A_c"] == ["n", "k"] and shapes["rho"] == []
    assert shapes["C"] == ["n", "k2"] and shapes["D"] == ["k2", "n"] and shapes["g"] == ["n"]


def test_a_file_of_equations(run, tmp_path):
    path = tmp_path / "mine.cell"
    path.write_text("h' = tanh(W @ x)\n")
    assert run("count", str(path), "-m", "2", "-n", "3")[1].startswith("6 parameters")
    path.write_text("h' = tahn(W @ x)\n")
    code, out, err = run("count", str(path))
    assert (code, out) == (2, "")
    assert (
        err == f"gru_sym: {path}, line 1, column 6: there is no function tahn; did you mean tanh?\n"
    )


def test_layers_and_directions(run):
    out = run("count", "gru.pytorch", "-m", "8", "-n", "16", "--layers", "2", "--bidirectional")[1]
    assert out.startswith("7296 parameters")
    out = run("count", "gru.pytorch", "-m", "1", "-n", "1", "--layers", str(10**30), "--json")[1]
    assert json.loads(out)["count"] == 12 * 10**30


def test_without_sizes_the_formula(run):
    assert run("count", "rnn.elman")[1] == "m*n + n**2 + n\n"
    assert json.loads(run("count", "rnn.elman", "--json")[1])["count"] is None


@pytest.mark.parametrize(
    ("words", "factored"),
    [
        (("gru.pytorch",), "3(n² + nm + 2n)"),
        (("lstm.pytorch",), "4(n² + nm + 2n)"),
        (("gru.dey_salem", "--layers", "2"), "3(3n² + nm + 2n)"),
        (("rnn.elman",), None),
        (("lstm.projected",), None),
    ],
)
def test_the_count_as_people_write_it(run, words, factored):
    """Beside the expanded one, in text and in JSON, with sizes and without."""
    answer = json.loads(run("count", *words, "--json")[1])
    assert answer["factored"] == factored
    beside = f"{answer['formula']}\n" + (f"= {factored}\n" if factored else "")
    assert run("count", *words)[1] == beside
    sizes = ("-m", "8", "-n", "16", *(("--set", "p=3") if "p" in answer["formula"] else ()))
    assert f"\n= {beside}" in run("count", *words, *sizes)[1]
    if len(words) == 1:
        shown = run("show", *words)[1]
        assert (f"= {factored}\n" if factored else f"  {answer['formula']}\n") in shown[-40:]
        assert json.loads(run("show", *words, "--json")[1])["factored"] == factored


def test_without_a_word_it_says_what_it_can_do(run):
    assert run() == run("--help") and "largest hidden size" in run()[1]


def test_list_by_words(run):
    found = {c["cell"] for c in json.loads(run("list", "--json", "Keras", "GRU")[1])["cells"]}
    assert "gru.keras" in found and not found & {"lstm.keras", "gru.pytorch"}


def test_list_and_show(run):
    listed = run("list")[1]
    assert all(name in listed for name in catalogue)
    assert {c["cell"] for c in json.loads(run("list", "--json")[1])["cells"]} == set(catalogue)
    shown = run("show", "lstm.projected")[1]
    assert "projection" in shown and "source: PyTorch" in shown and "(p, n)" in shown


@pytest.mark.parametrize("name", list(catalogue))
def test_the_equations_shown_are_the_equations_read(run, name):
    answer = json.loads(run("show", name, "--json")[1])
    assert answer["equations"] == catalogue[name].text and answer["sources"]


def test_effective(run):
    answer = json.loads(run("effective", "gru.pytorch", "-m", "8", "-n", "16", "--json")[1])
    assert (answer["stored"], answer["effective"], answer["redundant"]) == (1248, 1216, 32)
    assert answer["certified"] is True and answer["formula"] == "3*m*n + 3*n**2 + 6*n"
    expected = sp.sympify("3*m*n + 3*n**2 + 4*n")
    assert sp.sympify(answer["effective_formula"]) == expected
    formula = json.loads(run("effective", "gru.answer", "--json")[1])
    assert formula["stored"] is None and formula["certified"] is True
    out = run("effective", "lstm.pytorch")[1]
    assert out.count("occur only as their sum") == 4


def test_effective_of_a_stack(run):
    words = ("effective", "rnn.pytorch", "-m", "1", "-n", "1", "--layers", "2")
    answer = json.loads(run(*words, "--json")[1])
    count = effective_count(Layer(cell("rnn.pytorch"), 2), m=1, n=1)
    assert (answer["stored"], answer["effective"]) == (8, 6) == (count.stored, count.effective)
    assert answer["certified"] is True and answer["scope"] == count.scope
    assert (answer["layers"], answer["bidirectional"]) == (2, False)
    assert answer["formula"] == "m*n + 3*n**2 + 4*n"
    words = ("effective", "rnn.pytorch", "-m", "1", "-n", "1", "--bidirectional")
    count = effective_count(Layer(cell("rnn.pytorch"), bidirectional=True), m=1, n=1)
    assert str(count) in run(*words)[1]  # which says for which sizes it is proved


def test_effective_of_one_layer_is_not_that_of_the_cell(run):
    """A layer begins at zero: a scale of the hidden state cannot be seen from outside."""
    words = ("effective", "-", "-m", "1", "-n", "1", "--json")
    text = "c' = U @ c + W @ x\nh' = V @ c'"
    of_the_cell = json.loads(run(*words, stdin=text)[1])
    of_a_layer = json.loads(run(*words, "--layers", "1", stdin=text)[1])
    assert (of_the_cell["effective"], of_the_cell["layers"]) == (3, None)
    assert (of_a_layer["effective"], of_a_layer["layers"]) == (2, 1)


def test_effective_of_sizes_too_large_to_allocate(run):
    answer = json.loads(run("effective", "gru.pytorch", "-m", "65536", "-n", "65536", "--json")[1])
    assert answer["redundant"] == 131_072 and answer["certified"] is True


BAD = [
    (("effective", "gru.pytorch", "-m", "8"), "gru.pytorch also needs -n SIZE"),
    (("effective", "nope"), "no cell nope"),
    (("effective",), "required: CELL"),
    (("frobnicate",), "invalid choice"),
    (("count",), "required: CELL"),
    (("count", "gru.torch"), "did you mean gru.pytorch?"),
    (("effective", "gru.pytorch", "--layers", "0"), "positive whole number"),
    (("effective", "gru.pytorch", "--steps", "-3"), "effective does not take --steps -3"),
    (("list", "--layers", "2"), "list does not take --layers"),
    (("show", "gru.pytorch", "-m", "8"), "show does not take -m 8"),
    (("effective", "h.cell", "--layers", "2"), "h.cell cannot be read"),
    (("effective", "lstm.projected", "-m", "8", "-n", "4", "--layers", "2"), "needs --set p=SIZE"),
    (("count", "no/such.cell"), "cannot be read: No such file"),
    (("count", "/"), "cannot be read: Is a directory"),
    (("count", "gru.pytorch", "-m", "0", "-n", "1"), "positive whole number"),
    (("count", "gru.pytorch", "-m", "-8", "-n", "1"), "positive whole number"),
    (("count", "gru.pytorch", "-m", "8.0", "-n", "1"), "positive whole number"),
    (("count", "gru.pytorch", "-m", "１６", "-n", "1"), "positive whole number"),
    (("count", "gru.pytorch", "-m", "1_0", "-n", "1"), "positive whole number"),
    (("count", "gru.pytorch", "-m", "8"), "gru.pytorch also needs -n SIZE"),
    (("count", "lstm.projected", "-m", "8", "-n", "4"), "also needs --set p=SIZE"),
    (("count", "gru.pytorch", "-m", "8", "-n", "4", "--set", "k=4"), "has no size k"),
    (("count", "gru.pytorch", "-m", "8", "-n", "4", "--set", "n=4"), "size n is given twice"),
    (("count", "gru.pytorch", "--set", "k"), "write a size as k=4"),
    (("count", "gru.pytorch", "--layers", "0"), "positive whole number"),
    (("count", "gru.pytorch", "--frob"), "does not take --frob; what it takes is said by"),
    (("count", "gru.pytorch", "128", "256"), "sizes are given as -m 128 -n 256"),
    (("list", "gru", "frobnicated"), "no cell of the catalogue is about gru and frobnicated"),
    (("show", "-"), "there is no equation"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input_is_one_line_and_exit_code_2(run, arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert words in err and err.startswith("gru_sym: ") and err.count("\n") == 1


def test_a_byte_order_mark_and_a_long_file(run, tmp_path):
    path = tmp_path / "mine.cell"
    path.write_bytes(b"\xef\xbb\xbfh' = tanh(W @ x)\n")
    assert run("count", str(path))[1] == "m*n\n"
    path.write_bytes(b"#" * 1_000_000)
    assert "a cell has at most 200000 characters" in run("count", str(path))[2]


def test_odd_arguments(run):
    assert "cannot be read" in run("count", "a" * 300 + ".cell")[2]
    assert "did you mean" in run("count", "gru.pytorch" + "h" * 3)[2]
    assert "CELL is empty" in run("count", "")[2]


def test_bytes_that_are_no_text(run, tmp_path):
    path = tmp_path / "noise.cell"
    path.write_bytes(b"h' = \xff\xfe")
    code, out, err = run("count", str(path))
    assert (code, out) == (2, "") and "not text in UTF-8: byte 5" in err


@settings(max_examples=25, deadline=None)
@given(cell_texts())
def test_any_cell_counts_the_same_from_standard_input(text):
    """One round through main, without the fixtures hypothesis would share between examples."""
    stdin, stdout = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(text.encode())), io.StringIO()
    try:
        assert main(["count", "-", "--json"]) == 0
        from gru_sym import Cell

        assert json.loads(sys.stdout.getvalue())["formula"] == str(Cell(text).count())
    finally:
        sys.stdin, sys.stdout = stdin, stdout


FRAMEWORKS = ["torch", "numpy", "matplotlib", "flint"]


@pytest.mark.parametrize(
    ("imported", "heavy"),
    [
        ("import gru_sym, gru_sym.__main__", ["sympy"]),
        (
            "from gru_sym import Cell, Layer, catalogue; import gru_sym.cli.effective",
            FRAMEWORKS,
        ),
    ],
)
def test_import_loads_nothing_heavy(imported, heavy):
    code = f"import sys\n{imported}\nprint(*{{*{heavy}}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\n", b"")


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_code_prints_a_module(run, library):
    code, out, err = run("code", "gru.pytorch", "--library", library)
    assert (code, err) == (0, "")
    module: dict[str, object] = {}
    exec(compile(out, "module", "exec"), module)  # noqa: S102
    assert callable(module["step"]) and callable(module["sequence"])
    assert (
        json.loads(run("code", "gru.pytorch", "--library", library, "--json")[1])["source"] == out
    )


def test_code_refuses_a_matrix_that_changes(run):
    code, out, err = run("code", "-", stdin="h' = ((W @ x) @ r * U) @ h")
    assert (code, out) == (2, "") and "another one at each step" in err


@pytest.mark.parametrize("arguments", [("gpu",), ("gpu", "--record", "a.json", "--device", "tpu")])
def test_gpu_needs_a_file_and_a_device(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_gpu_says_that_there_is_none(run, tmp_path):
    code, out, err = run("gpu", "--record", str(tmp_path / "a.json"))
    assert (code, out) == (2, "") and "no CUDA device" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["-m", "-n", "--layers"])
@pytest.mark.parametrize("first", ["1", "8"])
def test_an_option_given_twice_is_refused(run, option, first):
    """Also if the first one is the default."""
    code, out, err = run("count", "gru.pytorch", option, first, option, "9")
    assert (code, out) == (2, "") and f"{option} is given twice" in err


def test_nothing_can_steer_the_terminal(run, tmp_path):
    code, out, _ = run("show", "-", stdin="# red \x1b[31m title\nh' = W @ x")
    assert code == 0 and "\x1b" not in out and "title" in out
    path = tmp_path / "red\x1b[31m.cell"
    path.write_text("h' = W @ x\n")
    for words in (("count", "-m", "3", "-n", "4"), ("show",), ("code",)):
        code, out, err = run(*words, str(path))
        assert (code, err) == (0, "") and "\x1b" not in out and "[31m.cell" in out
    path.write_text("h' = W @")
    for word in (str(path), str(path) + ".cell", "gru.red\x1b[31m"):
        code, out, err = run("count", word)
        assert (code, out, err.count("\n")) == (2, "", 1) and r"red\x1b[31m" in err


@pytest.mark.parametrize("odd", ["\t", "\f", "\v", "\x1c", "\x85", "\u2028"])
def test_the_summary_of_an_error_is_one_line_whatever_it_quotes(odd):
    texts = [f"h' = W @{odd}h + x", f"q{odd}z: n\nh' = W @ x", f"h' = {odd}tahn(W @ x)"]
    for text in texts:
        with pytest.raises(CellError) as caught:
            Cell(text)
        assert caught.value.summary.isprintable()


def test_two_sides_that_contradict_each_other_are_told(run, monkeypatch):
    from gru_sym.certificates import effective
    from gru_sym.certificates.families import FalseFamily

    def contradiction(*_, **__):
        raise FalseFamily("the rank is 3, and 2 were left")

    monkeypatch.setattr(effective, "effective_count", contradiction)
    code, out, err = run("effective", "gru.pytorch")
    assert (code, err) == (1, "") and "fault of gru_sym" in out and "the rank is 3" in out


def test_a_file_whose_name_begins_like_an_option(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-n.cell").write_text("h' = W @ x\n")
    assert run("count", "-n.cell", "-m", "2", "-n", "3")[1].startswith("6 parameters in ./-n.cell")
    code, out, err = run("count", "-m.cell")
    assert (code, out) == (2, "") and "positive whole number" in err


ARGUMENTS = sorted(
    {
        name
        for function in (Cell.count, Layer.count, Cell.evaluate, effective_count, Cell.breakdown)
        for name in inspect.signature(function).parameters
    }
)


@pytest.mark.parametrize("command", ["count", "effective"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_size_that_is_called_like_an_argument_of_python_s(run, command, name):
    code, out, err = run(command, "gru.pytorch", "-m", "3", "-n", "3", "--set", f"{name}=4")
    assert (code, out) == (2, "")
    assert err == f"gru_sym: gru.pytorch has no size {name}; its sizes are m, n\n"


def test_a_size_is_named_as_the_language_reads_it(run):
    """The micro sign is the letter mu to Python, in a text and in an option."""
    text = "v: \xb5\nv = A @ x\nh' = B @ v"
    out = run("count", "-", "-m", "1", "-n", "2", "--set", "\xb5=3", stdin=text)[1]
    assert out.startswith("9 parameters")


@pytest.mark.parametrize("function", ["", "tanh"])
def test_a_long_chain_is_answered_or_refused_in_a_sentence(run, function):
    lines = [f"v{i} = {function}(W{i} @ {f'v{i - 1}' if i else 'x'})" for i in range(200)]
    text = "\n".join([*lines, "h' = v199"])
    assert run("count", "-", stdin=text)[0] == 0
    code, out, err = run("effective", "-", stdin=text)
    assert (code, bool(out), err.count("\n")) in [(0, True, 0), (2, False, 1)]


def test_an_interrupt_reaches_whoever_called_main(monkeypatch):
    def interrupt(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("gru_sym.cli.list.run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        main(["list"])


@pytest.mark.parametrize("words", [("--help",), ("count", "--help"), ("effective", "-h")])
def test_help_is_an_answer_like_any_other(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "") and out.startswith("usage: python -m gru_sym")


@pytest.mark.parametrize("size", ["self", "by", "steps", "observed", "beta", "lambda"])
def test_a_size_that_could_not_be_given_by_name_is_refused(run, size):
    code, out, err = run(
        "effective", "-", "-m", "2", "-n", "3", stdin=f"v: {size}\nv = A @ x\nh' = B @ v"
    )
    assert (code, out, err.count("\n")) == (2, "", 1)

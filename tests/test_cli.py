"""The command line: answers on standard output, one line on standard error for bad input."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp
import torch
from cells import cell_texts
from hypothesis import given, settings

from gru_sym import catalogue
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
    long = "9" * 6000
    value = int("9" * 3000) * 10**3000 + int("9" * 3000)
    out = run("count", "rnn.elman", "-m", "1", "-n", long, "--json")[1]
    assert json.loads(out)["count"] == value**2 + 2 * value


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


def test_effective_of_sizes_too_large_to_allocate(run):
    answer = json.loads(run("effective", "gru.pytorch", "-m", "65536", "-n", "65536", "--json")[1])
    assert answer["redundant"] == 131_072 and answer["certified"] is True


BAD = [
    (("effective", "gru.pytorch", "-m", "8"), "gru.pytorch also needs -n SIZE"),
    (("effective", "nope"), "no cell nope"),
    (("effective",), "required: CELL"),
    ((), "list | show | count"),
    (("frobnicate",), "invalid choice"),
    (("count",), "required: CELL"),
    (("count", "gru.torch"), "did you mean gru.pytorch?"),
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
    (("count", "gru.pytorch", "--frob"), "unrecognized arguments"),
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


def test_odd_arguments_and_streams(run, monkeypatch):
    assert "cannot be read" in run("count", "a" * 300 + ".cell")[2]
    assert "did you mean" in run("count", "gru.pytorch" + "h" * 3)[2]
    assert "CELL is empty" in run("count", "")[2]
    closed = shell(f"{sys.executable} -m gru_sym count - <&-")
    assert (closed.returncode, closed.stdout) == (2, "")
    assert closed.stderr.count("\n") == 1
    if Path("/dev/full").exists():
        full = shell(f"{sys.executable} -m gru_sym list > /dev/full")
        assert full.returncode == 2
        assert "cannot be written" in full.stderr


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607


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


def process(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gru_sym", *arguments], capture_output=True, text=True, **options
    )


def test_as_a_process():
    assert process("count", "gru.pytorch", "-m", "8", "-n", "16").stdout.startswith("1248 ")
    refused = process("count", "gru.torch")
    assert refused.returncode == 2 and refused.stdout == "" and "Traceback" not in refused.stderr


def test_a_reader_that_goes_away_is_no_error():
    writer = subprocess.Popen(
        [sys.executable, "-m", "gru_sym", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    writer.stdout.close()
    assert (writer.stderr.read(), writer.wait()) == (b"", 0)
    writer.stderr.close()


@pytest.mark.parametrize("heavy", ["torch", "numpy", "matplotlib", "flint"])
def test_import_loads_nothing_heavier_than_sympy(heavy):
    code = f"import sys, gru_sym, gru_sym.__main__; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_a_title_cannot_steer_the_terminal(run):
    code, out, _ = run("show", "-", stdin="# red \x1b[31m title\nh' = W @ x")
    assert code == 0 and "\x1b" not in out and "title" in out


@pytest.mark.parametrize("size", ["self", "by", "steps", "observed", "beta", "lambda"])
def test_a_size_that_could_not_be_given_by_name_is_refused(run, size):
    code, out, err = run(
        "effective", "-", "-m", "2", "-n", "3", stdin=f"v: {size}\nv = A @ x\nh' = B @ v"
    )
    assert (code, out, err.count("\n")) == (2, "", 1)

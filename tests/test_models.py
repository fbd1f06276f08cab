"""Models: totals that others print, layers that PyTorch allocates, what they cost and keep."""

from __future__ import annotations

import json

import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_costs import arrays, kept_by_autograd
from torch.utils.flop_counter import FlopCounterMode

from gru_sym import Cell, Layer, Model, budget, catalogue, cell, cost, match
from gru_sym.__main__ import main
from gru_sym.codegen.stacked import Stack

KERAS = "github.com/keras-team/keras-io@14dd69a5 guides/md/working_with_rnns.md"
LMU = Cell("""
A: constant d x d
B: constant d x 1
s: d
s' = A @ s + B @ (e @ x)
h' = tanh(W @ x + M @ s' + U @ h + b)
""")
PRINTED = [
    ("embedding 1000 x 64; lstm.keras 128; last; dense 10", 164_106, KERAS),
    ("embedding 1000 x 64; gru.keras 256; rnn.elman 128; last; dense 10", 361_866, KERAS),
    (
        "embedding 1000 x 64; lstm.keras 64; embedding 2000 x 64; lstm.keras 64; dense 10",
        258_698,
        KERAS,
    ),
    ("input 10; lstm.keras 64 32 both; last; dense 10", 80_266, KERAS),
    (
        "embedding 10000 x 8; gru.keras 16 8 4; last; dense 1",
        82_045,
        "the model of Hvass-Labs/TensorFlow-Tutorials 20 in TensorFlow 2.1",
    ),
    (
        "embedding 10000 x 8; gru.keras_reset_before 16 8 4; last; dense 1",
        81_961,
        "the same in 1.5",
    ),
    ("embedding 10000 x 32; rnn.elman 32", 322_080, "fchollet's notebook 6.2, first edition"),
    (
        "embedding 20 x 300; lstm.pytorch 512 512; dense 20",
        3_784_580,
        "github.com/TylerYep/torchinfo@1737da35 tests/test_output/lstm.out",
    ),
    (
        "embedding 60 x 128; lstm.pytorch 32; dense 18",
        29_010,
        "github.com/TylerYep/torchinfo@43401789 tests/test_output/pack_padded.out",
    ),
    ("input 65; lstm.pytorch 128 layers=2; dense 65", 240_321, "T18: char-rnn"),
    ("input 1312; gru.pytorch 768 layers=7 both merge=sum", 52_116_480, "T19: deepspeech.pytorch"),
    (
        """
        input 42; dense 24; gru.keras_reset_before 24; dense 1  # voice activity
        input 90; gru.keras_reset_before 48                     # noise: 24 + 24 + 42
        input 114; gru.keras_reset_before 96; dense 22          # 24 + 48 + 42
        """,
        87_503,
        "F01: rnnoise",
    ),
    (
        """
        input 257; lstm.keras 128 128; dense 257
        input 512; dense 256 no-bias; layernorm  # a convolution of width 1
        lstm.keras 128 128; dense 256; dense 512 no-bias
        """,
        986_753,
        "F02: DTLN",
    ),
    (
        "input 1; lstm.keras 3 learn-initial-state; dense 1",
        70,
        "F05: NeuralAmpModelerCore lstm.nam",
    ),
    ("input 13; gru.keras_reset_before 20; last; dense 1", 2_061, "F08: hey-mycroft.net"),
    ("input 1; lmu 212 d=256; last; dense 10", 99_641 + 2_130, "F09: keras-lmu psMNIST"),
    ("input 2; gru.pytorch 2; dense 1", 39, "F12: srs-benchmark GRU"),
    ("input 2; gru.pytorch 8; dense 1", 297, "F12: srs-benchmark GRU-P"),
    ("input 2; rnn.pytorch 2; dense 1", 15, "F13: printed as 39 beside nn.RNN, which is the GRU's"),
    ("input 1; gru.pytorch 256; dense 10", 201_482, "F14: printed for Flax, of two biases a gate"),
    ("input 1; gru.dey_salem 256; dense 10", 200_714, "F14: the author's formula"),
    ("input 1; lstm.keras 256; dense 10", 266_762, "F14: printed for torch, and Flax's"),
    ("input 16; minimal.fastgrnn 32; dense 10", 1_932, "F16: EdgeML"),
    ("input 88; lstm.pytorch 38; dense 88", 22_888, "Chung et al. repeated, printed as 22.89K"),
    ("input 88; gru.pytorch 46; dense 88", 22_904, "Chung et al. repeated, printed as 22.90K"),
    ("input 88; rnn.pytorch 100; dense 88", 27_888, "Chung et al. repeated, printed as 27.89K"),
]


@pytest.mark.parametrize(("text", "total", "source"), PRINTED, ids=[p[2][:40] for p in PRINTED])
def test_totals_that_others_print(text, total, source):
    assert Model(text, {"lmu": LMU}).count() == total


def test_totals_that_are_printed_and_are_not_the_model_s():
    onnx = Model(
        "input 257; lstm.pytorch 128 128; dense 257"
    ).count()  # F03: B has 8n, half of it 0
    assert 363_457 - onnx == 64  # numbers among the initializers that belong to none of the layers
    torch_lstm = Model("input 1; lstm.pytorch 256; dense 10").count()
    assert torch_lstm - 266_762 == 4 * 256  # F14: what is printed for torch is Flax's
    # T18: '150K with default settings' is less than there is at any vocabulary.
    char_rnn = Model("input V; lstm.pytorch 128 layers=2; dense V")
    assert str(char_rnn.count()) == "641*V + 198656"


def test_the_guide_that_says_sum_and_prints_concat():
    """Keras' guide: 'will be, by default, the sum'; its summary has the 41,216 of 128 inputs."""
    second = [Model(f"input 10; lstm.keras 64 32 both {how}").parts[1] for how in ("", "merge=sum")]
    assert [part.count for part in second] == [41_216, 24_832]


# ------------------------------------------------------------------------------- against PyTorch

LAYERS = {"gru.pytorch": torch.nn.GRU, "lstm.pytorch": torch.nn.LSTM, "rnn.pytorch": torch.nn.RNN}
small = st.integers(1, 5)


@st.composite
def models(draw):
    """The lines of a model, and modules of PyTorch that are it."""
    width, lines, modules = draw(small), [], []
    if draw(st.booleans()):
        words = draw(small)
        lines.append(f"embedding {words} x {width}")
        modules.append(torch.nn.Embedding(words, width))
    else:
        lines.append(f"input {width}")
    for name in draw(st.lists(st.sampled_from(sorted(LAYERS)), max_size=3)):
        n, layers, both, bias = draw(small), draw(small), draw(st.booleans()), draw(st.booleans())
        words = [name, str(n), *["both"] * both, *["no-bias"] * (not bias)]
        words += [f"layers={layers}"] * (layers > 1)
        lines.append(" ".join(words))
        modules.append(LAYERS[name](width, n, layers, bidirectional=both, bias=bias))
        width = n * (1 + both)
    if draw(st.booleans()):
        lines.append("layernorm")
        modules.append(torch.nn.LayerNorm(width))
    size, bias = draw(small), draw(st.booleans())
    lines.append(f"linear {size}" + " no-bias" * (not bias))
    modules.append(torch.nn.Linear(width, size, bias=bias))
    return lines, modules


@settings(max_examples=60, deadline=None)
@given(models(), st.sampled_from([";", "\n", " ; # so many\n"]))
def test_as_many_as_pytorch_allocates(model, between):
    lines, modules = model
    found = Model(between.join(lines))
    assert [part.count for part in found.parts] == [
        sum(p.numel() for p in module.parameters()) for module in modules
    ]
    named = [p for module in modules for p in module.named_parameters()]
    biases = sum(p.numel() for name, p in named if name.startswith("bias"))
    assert found.biases() == biases and found.weights() == found.count() - biases


def test_a_matrix_that_is_tied():
    tied = torch.nn.Linear(400, 10_000)
    tied.weight = torch.nn.Embedding(10_000, 400).weight
    modules = [torch.nn.LSTM(400, 1150), torch.nn.LSTM(1150, 400), tied]
    own = {p for module in modules for p in module.parameters()}
    found = Model("embedding 10000 x 400; lstm.pytorch 1150 400; dense 10000 tied")
    assert found.count() == sum(p.numel() for p in own)


# -------------------------------------------------------------------------------------- the cost


def run_model(model: Model, library: list, x: torch.Tensor) -> torch.Tensor:
    """The model in PyTorch: generated code for the layers of cells, functions for the others."""
    for part, parameters in zip(model.parts, library, strict=True):
        if part.once and x.dim() == 3:
            x = x[-1]
        if part.kind == "embedding":
            x = torch.nn.functional.embedding(x, parameters["kernel"])
        elif part.kind == "dense":
            x = torch.nn.functional.linear(x, parameters["kernel"], parameters.get("bias"))
        else:
            x, _ = Stack(part.layer, "torch").sequence(parameters, x)
    return x


def library_of(model: Model, device: str) -> list[dict[str, torch.Tensor]]:
    found = []
    for part in model.parts:
        if part.layer:
            found.append(arrays(part.layer, {k: int(v) for k, v in part.sizes.items()}, device))
            continue
        rows, columns = part.hands_on, part.reads or 1
        if part.kind == "embedding":
            rows, columns = part.sizes["v"], part.hands_on
        found.append({"kernel": torch.zeros(int(rows), int(columns), device=device)})
        if part.biases:
            found[-1]["bias"] = torch.zeros(int(rows), device=device)
    return found


@settings(max_examples=25, deadline=None)
@given(
    first=st.sampled_from(["input 3", "embedding 7 x 3", "input 3; dense 4"]),
    lines=st.lists(
        st.sampled_from(
            [
                "gru.pytorch 3",
                "gru.pytorch 4 2 both",
                "lstm.keras 4 both merge=sum",
                "gru.dey_salem 3 layers=2 both merge=mul",
                "lstm.projected 4 p=3 both merge=ave no-bias",
                "dense 5",
            ]
        ),
        max_size=3,
    ),
    last=st.sampled_from(["dense 2", "last; dense 2", "last; dense 4 no-bias; dense 2"]),
    T=st.integers(1, 4),
    B=st.integers(2, 3),
)
def test_the_cost_is_what_pytorch_counts_and_keeps(first, lines, last, T, B):
    model = Model("\n".join([first, *lines, last]))
    found = cost(model, T=T, B=B)
    library = library_of(model, "cpu")
    own = [p.requires_grad_() for parameters in library for p in parameters.values()]
    words = model.parts[0].kind == "embedding"
    x = torch.zeros((T, B), dtype=torch.long) if words else torch.zeros(T, B, 3)
    with FlopCounterMode(display=False) as flops:
        run_model(model, library, x).sum().backward()
    assert flops.get_total_flops() == 2 * (found.total.multiply_adds + found.backward)
    with FlopCounterMode(display=False) as flops:
        run_model(model, library, x)
    assert flops.get_total_flops() == found.flops
    assert found.kept == kept_by_autograd(lambda: run_model(model, library, x), [*own, x])
    assert found.parameters == sum(p.numel() for p in own) == model.count()


def test_the_cost_in_letters_is_the_cost_in_numbers():
    text = "embedding {v} x {m}; gru.keras {n} both; last; dense {v}"
    letters = Model(text.format(v="v", m="m", n="n"))
    numbers = cost(Model(text.format(v=50, m=3, n=4)), T=5, B=2)
    put = {"v": 50, "m": 3, "n": 4, "T": 5, "B": 2}
    assert cost(letters, **put) == numbers
    in_symbols = cost(letters).map(lambda formula: sp.sympify(formula).subs(put))
    assert in_symbols == numbers


def test_a_stack_of_equal_widths_costs_what_the_layer_costs():
    sizes = {"m": 5, "T": 7, "B": 2}
    for how in ("", "both", "both merge=sum"):
        several = Model(f"input m; lstm.keras 4 4 4 {how}")
        one = Model(f"input m; lstm.keras 4 layers=3 {how}")
        assert cost(several, **sizes) == cost(one, **sizes)
        assert several.count(m=5) == one.count(m=5)


# ------------------------------------------------------------------------------------- budgets


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 10**12), name=st.sampled_from(sorted(catalogue)), data=st.data())
def test_a_budget_is_the_inverse_of_the_total(n, name, data):
    own = cell(name)
    more = " ".join(f"{size}=3" for size in own.size_names if size not in ("m", "n"))
    begin = "embedding 50 x n" if str(own.symbol("x").shape[0]) == "n" else "embedding 50 x 7"
    model = Model(f"{begin}; {name} n {more}; dense 9")
    here, beyond = model.count(n=n), model.count(n=n + 1)
    found = budget(model, data.draw(st.integers(here, beyond - 1)))
    assert (found.n, found.count, found.next_count) == (n, here, beyond)


def test_a_model_as_large_as_another():
    gru, lstm = (Model(f"input 28; {name} n; dense 10") for name in ("gru.keras", "lstm.keras"))
    found = match(gru, lstm, n=100)
    assert found.parameters == lstm.count(n=100) and found.count == gru.count(n=found.n)
    by_work = match(gru, lstm, "multiply-adds", n=100)
    assert by_work.parameters == 4 * (28 * 100 + 100**2) + 1000
    with pytest.raises(ValueError, match="effective is not known"):
        budget(gru, 10_000, "effective")


# ------------------------------------------------------------------------------- what is refused

WRONG = [
    ("", "at least one layer"),
    ("input 3", "at least one layer"),
    ("gru.keras 256", "line 1, 'gru.keras 256': begin with what it reads"),
    ("input 28\ngru.keras 256 bidrectional", "line 2, .*not bidrectional; after the sizes come"),
    ("input 28; gru.kears 256", "did you mean gru.keras"),
    ("input 28; gru 256", "there is no cell gru in the catalogue; there are gru.answer"),
    ("input 28; dens 10", "'dens 10': there is no layer dens; did you mean dense?"),
    ("input 28; rubbish 256", "else a line begins with input, embedding"),
    ("input 28; gru.keras", "needs the size n, as in 'gru.keras 256'"),
    ("input 28; lstm.projected 8", "needs the size p, as in 'lstm.projected 8 p=64'"),
    ("input 28; gru.keras 8 k=3", "has no size k; its sizes are m, n"),
    ("input 28; gru.keras 8 n=3", "n is said twice"),
    ("input 28; gru.keras 8 m=3", "reads 3 numbers at this size, not 28"),
    ("input 28; gru.keras 8 both bidirectional", "bidirectional is said twice"),
    ("input 28; gru.keras 8 4 layers=2", "2 sizes are as many layers already"),
    ("input 28; gru.keras 8 merge=sum", "one direction is added with no other"),
    ("input 28; gru.keras 8 both merge=add", "merge is one of concat, sum, ave, mul, not 'add'"),
    ("input 28; gru.keras 8 share-layers", "as layers=3"),
    ("input 28; gru.keras 8 share-directions", "shares its parameters with no other"),
    ("input 28; gru.keras 0", "a size is a whole number, or a letter"),
    ("input 28; gru.keras 8.5", "a size is a whole number, or a letter"),
    ("input 28; gru.keras N", "N means something else to SymPy"),
    ("input 28; gru.keras 8; last; gru.keras 8", "after 'last' there is one step"),
    ("last; dense 3", "begin with what it reads"),
    ("input 28; dense 3 4", "one size expected"),
    ("input 28; dense 28 tied", "no embedding 28 x 28 above"),
    ("embedding 5 x 3; dense 5 tied no-bias extra", "one size expected"),
    ("embedding 5", "2 sizes expected, as in 'embedding 10000 x 128'"),
    ("input 28; dropout 0.5; dense 3", "dropout has no parameters; leave this out"),
    ("input 28;" + "dense 3;" * 1001, "at most 1000 layers"),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_read_is_a_sentence(text, words):
    with pytest.raises(ValueError, match=words):
        Model(text)


WORDS = """
input 3 embedding 10 x dense last tied layernorm other both merge=sum merge= =3 n=3 layers=3
layers=L no-bias share-layers share-directions learn-initial-state gru.keras
lstm.projected p=3 n N ; × 5x3 #
""".split()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=12),
    st.sampled_from([" ", "; ", "\n"]),
)
def test_any_text_is_read_or_refused(words, between):
    text = "input 3; " + between.join(words)
    try:
        model = Model(text)
    except ValueError:  # nothing else
        return
    assert str(model).splitlines()[-1].startswith("total")
    assert sp.sympify(model.count()).free_symbols == {sp.Symbol(s) for s in model.size_names}


def test_what_is_not_known_is_not_zero():
    for line in ("layernorm", "other 100"):
        with pytest.raises(ValueError, match=f"what '{line}' costs is not known"):
            cost(Model(f"input 3; {line}; dense 4"))
    found = Model("input 3; other 100; dense 4")
    assert found.count() == 116
    with pytest.raises(ValueError, match="how many of 'other 100' are biases is not known"):
        found.biases()
    with pytest.raises(ValueError, match="T names a size"):
        cost(Model("input 3; gru.keras T"))


def test_a_cell_that_reads_as_much_as_it_hands_on():
    square = {"square": Cell("x: n\nh' = tanh(W @ x + U @ h)")}
    assert Model("input 4; square 4; square 4", square).count() == 64
    with pytest.raises(ValueError, match="reads 5 numbers at this size, not 4"):
        Model("input 4; square 5", square)


# ------------------------------------------------------------------------------ the command line


@pytest.fixture
def ask(capsys):
    def run(*words: str) -> dict:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_command_counts_a_model(ask, capsys, tmp_path):
    text = "embedding 10000 x 128; gru.keras 256 both; dense 10"
    found = ask("count", text)
    assert found["count"] == sum(part["count"] for part in found["parts"]) == 1_878_026
    gru = found["parts"][1]
    assert gru["sizes"] == {"m": 128, "n": 256} and gru["formula"] == "6*m*n + 6*n**2 + 12*n"
    assert (gru["reads"], gru["hands_on"]) == (128, 512)
    assert gru["count"] == sum(group["count"] for group in gru["tensors"])
    (tmp_path / "net.model").write_text(text.replace(";", "\n"), encoding="utf-8")
    assert ask("count", str(tmp_path / "net.model"))["parts"] == found["parts"]
    assert main(["count", text]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "1,878,026"]


def test_letters_are_sizes_to_give(ask, capsys):
    text = "input m; gru.keras n; dense k"
    found = ask("count", text)
    assert found["count"] is None and found["formula"] == str(Model(text).count())
    given = ask("count", text, "-m", "28", "-n", "64", "--set", "k=10")
    assert given["count"] == Model(text).count(m=28, n=64, k=10)
    assert main(["count", text, "-m", "28"]) == 2
    assert "the model also needs -n SIZE, --set k=SIZE" in capsys.readouterr().err


def test_a_file_of_equations_within_a_model(ask, tmp_path):
    own = tmp_path / "mine.cell"
    own.write_text("h' = tanh(W @ x + U @ h)", encoding="utf-8")
    assert ask("count", f"input 3; {own} 4; dense 2")["count"] == 12 + 16 + 10


def test_layers_of_unequal_widths(ask):
    found = ask("count", "gru.keras", "-m", "100", "--widths", "256", "128", "64")
    gru = cell("gru.keras")
    expected = [gru.count(m=100, n=256), gru.count(m=256, n=128), gru.count(m=128, n=64)]
    assert [part["count"] for part in found["parts"]] == expected
    assert found["count"] == sum(expected) and found["layers"] == 3 and found["cell"] == "gru.keras"
    letters = ask("count", "gru.keras", "--widths", "p", "q", "--bidirectional")
    assert letters["formula"] == str(Model("input m; gru.keras p q both").count())
    work = ask("cost", "gru.keras", "-m", "100", "--widths", "256", "128", "--steps", "9")
    rows = [100 * 256 + 256**2, 256 * 128 + 128**2]
    assert sp.sympify(work["multiply_adds"]) == 27 * sum(rows) * sp.Symbol("B")
    words = "gru.keras -m 28 --widths n n 64 --parameters 100000".split()
    assert ask("budget", *words)["n"] == budget(Model("input 28; gru.keras n n 64"), 100_000).n


def test_every_option_of_a_layer(ask):
    words = "count lstm.projected -m 8 -n 16 --set p=4 --layers 3 --bidirectional".split()
    options = ["--merge", "mul", "--no-bias", "--learn-initial-state", "--share-directions"]
    found = ask(*words, *options, "--share-layers")
    model = Model(
        "input 8; lstm.projected 16 p=4 layers=3 both merge=mul no-bias learn-initial-state "
        "share-directions share-layers"
    )
    every = sum(part["count"] * part["levels"] for part in found["parts"])
    assert found["count"] == model.count() == every
    assert found["biases"] == 0 and found["merge"] == "mul" and found["share_layers"] is True
    by_hand = 4 * (8 * 16 + 16 * 4) + 16 * 4 + 4 * (4 * 16 + 16 * 4) + 16 * 4 + 3 * 2 * (16 + 4)
    assert found["count"] == by_hand
    roles = {(part["level"], part["direction"], part["role"]) for part in found["parts"]}
    assert (1, 1, "initial state") in roles and (1, 1, "recurrent kernel") not in roles


def test_what_is_assumed_of_directions_is_said(capsys):
    words = "count gru.pytorch -m 1312 -n 768 --bidirectional".split()
    said = []
    for more in ([], ["--layers", "7"], ["--layers", "7", "--merge", "sum"]):
        assert main([*words, *more]) == 0
        said.append(capsys.readouterr().out)
    assert "directions" not in said[0]
    assert "put side by side: a layer hands on 2*n" in said[1] and said[1].startswith("73350144")
    assert "added: a layer hands on n" in said[2] and said[2].startswith("52116480")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["count", "gru.keras", "--merge", "sum"], "make it bidirectional"),
        (["count", "gru.keras", "--share-directions"], "make it bidirectional"),
        (["count", "gru.keras", "--share-layers"], "--layers says how many"),
        (["count", "gru.keras", "--widths", "3", "4", "--layers", "2"], "one of the two"),
        (["count", "gru.keras", "--widths", "3", "4", "-n", "2"], "one of the two"),
        (["count", "gru.keras", "--widths", "3", "4", "--share-layers"], "share no"),
        (["count", "gru.keras", "--widths", "3", "gru"], "not gru"),
        (["count", "input 3; gru.keras 4", "--layers", "2"], "in a model it is said of a layer"),
        (["count", "input 3; gru.keras 4", "-n", "2"], "the model has no size n"),
        (["count", "nowhere.model"], "nowhere.model cannot be read"),
        (["effective", "input 3; gru.keras 4"], "effective takes a cell"),
        (["show", "input 3; gru.keras 4"], "describes a model, not a cell"),
        (["code", "input 3; gru.keras 4"], "describes a model, not a cell"),
        (["cost", "input 3; other 4"], "is not known"),
        (["budget", "input 3; gru.keras 4", "--parameters", "9"], "no size that is left"),
        (["effective", "gru.keras", "--bidirectional", "--merge", "sum"], "put side by side"),
    ],
)
def test_bad_input_is_one_line(capsys, words, message):
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and message in error


def test_shared_layers_cost_the_same_work():
    plain, shared = (Layer(cell("gru.pytorch"), 3, True, share_layers=s) for s in (False, True))
    found, other = cost(shared), cost(plain)
    assert found.total == other.total and found.kept == other.kept
    assert found.parameters == shared.count() != other.parameters

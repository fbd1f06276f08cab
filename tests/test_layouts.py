"""libraries/layouts: the tensors are the library's own, each block where it computes from."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from cells import run_text, sigma
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_sym import catalogue, convert
from gru_sym.layers import suffix
from gru_sym.libraries.layout import Layout, layout, libraries
from gru_sym.libraries.layout_text import EVIDENCE, Block, LayoutError, Reader
from gru_sym.libraries.pytorch import stored
from gru_sym.libraries.stored import StoredLayer
from gru_sym.libraries.texts import FIRST, FOLDER

DATA = Path(__file__).parent / "data" / "keras_counts.csv"
SIZES = {"m": 3, "n": 4, "p": 2, "k": 5}

Arrays = dict[str, np.ndarray]


def every_form() -> list[tuple[str, str, dict[str, object]]]:
    """Every library, layer and choice of options; a size that is an option stays open."""
    return [
        (path.stem, form.layer, dict(form.options))
        for path in sorted(FOLDER.glob("*.txt"))
        for form in layout(path.stem).forms
    ]


@pytest.fixture(params=every_form(), ids=lambda f: f"{f[0]}-{f[1]}-{len(f[2])}")
def form(request: pytest.FixtureRequest) -> tuple[Layout, str, dict[str, object]]:
    library, layer, options = request.param
    return layout(library), layer, options


# The library's own tensors

KINDS = [nn.GRU, nn.GRUCell, nn.LSTM, nn.LSTMCell, nn.RNN, nn.RNNCell]


@settings(max_examples=80)
@given(st.sampled_from(KINDS), st.integers(1, 7), st.integers(2, 7), st.booleans(), st.data())
def test_names_shapes_and_order_are_those_that_pytorch_allocates(kind, m, n, bias, data):
    options = {"bias": bias}
    if kind in (nn.RNN, nn.RNNCell):
        options["nonlinearity"] = data.draw(st.sampled_from(["tanh", "relu"]))
    if not issubclass(kind, nn.RNNCellBase):
        options |= {"num_layers": data.draw(st.integers(1, 3))}
        options |= {"bidirectional": data.draw(st.booleans())}
    if kind is nn.LSTM:
        options["proj_size"] = data.draw(st.integers(0, n - 1))
    module = kind(m, n, **options)
    theirs = [(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()]
    ours = layout("pytorch").tensors(kind.__name__, input_size=m, hidden_size=n, **options)
    assert list(ours.items()) == theirs
    assert list(stored(module).tensors.items()) == theirs
    count = layout("pytorch").count(kind.__name__, m=m, n=n, **options)
    assert count == sum(tensor.numel() for tensor in module.parameters())


def keras_rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_counts_are_those_of_built_keras_layers():
    """105 layers of Keras 3.15.1, over seven sizes; a stack is one layer on another."""
    rows = keras_rows()
    assert len(rows) == 105
    for row in rows:
        m, n, both = int(row["m"]), int(row["n"]), row["bidirectional"] == "1"
        words = row["options"].removeprefix("stacked RNN([GRUCell]*2) ").split(",")
        options = {key: value == "True" for key, value in (word.split("=") for word in words)}
        layer = row["layer"].removeprefix("Bidirectional(").removesuffix(")")
        counts = [
            layout("keras").count(layer, m=wide, n=n, bidirectional=both, **options)
            for wide in (m, n)[: int(row["layers"])]
        ]
        assert sum(counts) == int(row["count"]), row


KERAS = {
    ("GRU", True): {"kernel": (5, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)},
    ("GRU", False): {"kernel": (5, 9), "recurrent_kernel": (3, 9), "bias": (9,)},
    ("LSTM", None): {"kernel": (5, 12), "recurrent_kernel": (3, 12), "bias": (12,)},
    ("SimpleRNN", None): {"kernel": (5, 3), "recurrent_kernel": (3, 3), "bias": (3,)},
}
CELLS = {"GRU": "gru_cell", "LSTM": "lstm_cell", "SimpleRNN": "simple_rnn_cell"}
PATHS = {"GRU": "gru", "LSTM": "lstm", "SimpleRNN": "simple_rnn"}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("layer", "after"), KERAS)
def test_shapes_and_names_are_those_of_built_keras_layers(layer, after, bias):
    """Read off layers of Keras 3.15.1 with 5 inputs and 3 units."""
    options = {"units": 3, "m": 5, "use_bias": bias}
    if after is not None:
        options["reset_after"] = after
    one = {name: shape for name, shape in KERAS[layer, after].items() if bias or name != "bias"}
    assert layout("keras").tensors(layer, **options) == one
    both = layout("keras").tensors(layer, bidirectional=True, **options)
    assert list(both.items()) == [
        (f"{way}_{PATHS[layer]}/{CELLS[layer]}/{name}", shape)
        for way in ("forward", "backward")
        for name, shape in one.items()
    ]


# Where each block is computed from: a step of Keras, written from its source


def keras_gru(after: bool) -> Callable[..., np.ndarray]:
    def step(x, h, kernel, recurrent_kernel, bias=None):
        n = len(h)
        biases = np.zeros((2, 3 * n)) if bias is None else bias
        first, second = biases if biases.ndim == 2 else (biases, np.zeros(3 * n))
        x_z, x_r, x_h = np.split(x @ kernel + first, 3)
        inner = h @ recurrent_kernel + second
        z, r = sigma(x_z + inner[:n]), sigma(x_r + inner[n : 2 * n])
        late = r * inner[2 * n :] if after else (r * h) @ recurrent_kernel[:, 2 * n :]
        return z * h + (1 - z) * np.tanh(x_h + late)

    return step


def keras_lstm(x, h, c, kernel, recurrent_kernel, bias=0.0):
    z_0, z_1, z_2, z_3 = np.split(x @ kernel + h @ recurrent_kernel + bias, 4)
    c = sigma(z_1) * c + sigma(z_0) * np.tanh(z_2)
    return sigma(z_3) * np.tanh(c)


def keras_rnn(x, h, kernel, recurrent_kernel, bias=0.0):
    return np.tanh(x @ kernel + h @ recurrent_kernel + bias)


STEPS = {
    ("GRU", True): keras_gru(True),
    ("GRU", False): keras_gru(False),
    ("LSTM", None): keras_lstm,
    ("SimpleRNN", None): keras_rnn,
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("layer", "after"), STEPS)
def test_keras_step_is_the_cells_on_unpacked_tensors(layer, after, bias):
    """Exchange two blocks in keras.txt, or drop a `transposed`, and this fails."""
    options = {"m": 3, "n": 4, "use_bias": bias} | ({} if after is None else {"reset_after": after})
    own = layout("keras").layer(layer, **options)
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(size=shape) for name, shape in own.tensors.items()}
    cell = own.layer.cell
    data = {"x": rng.normal(size=3)} | {
        s: rng.normal(size=4) for s in ("h", "c") if s in cell.states
    }
    named = own.unpack(tensors)
    arrays = {p.in_cell: named[p.name] for p in own.layer.parameters} | data
    columns = {name: a if a.ndim == 2 else a[:, None] for name, a in arrays.items()}
    expected = STEPS[layer, after](**data, **tensors)
    np.testing.assert_allclose(run_text(cell, columns)["h_next"][:, 0], expected, atol=1e-14)


@pytest.mark.parametrize("library", ["keras", "pytorch"])
def test_a_bias_that_is_added_to_another_is_still_the_one_of_its_name(library):
    """Exchanged, the function is the same, and only the name tells: b_i and b_r or b_h."""
    own = layout(library).layer("GRU", m=3, n=4)
    tensors = {name: np.zeros(shape) for name, shape in own.tensors.items()}
    first = tensors["bias"][0] if library == "keras" else tensors["bias_ih_l0"]
    first += 1
    named = own.unpack(tensors)
    assert {p.in_cell for p in own.layer.parameters if named[p.name].any()} == {
        p.name for p in catalogue[own.cell_id].parameters if p.name.startswith("b_i")
    }


# Every form: whole, in views, and back


def shifted(own: StoredLayer) -> set[str]:
    """Tensors with a block that is no view: it is reshaped, or another number is stored for it."""
    lines = [
        line.name
        for line in own.form.lines
        if line.reshaped
        or any(block != Block(block.parameter) for row in line.rows for block in row)
    ]
    return {name for name in own.tensors for line in lines if line in name}


def test_every_number_is_in_exactly_one_block_and_every_block_is_a_view(form):
    library, layer, options = form
    first = library.layer(layer, **options).layer.size_names
    own = library.layer(layer, **options, **{s: SIZES[s] for s in ("m", "n") if s in first})
    sizes = {name: SIZES[name] for name in own.layer.size_names}
    shapes = {k: tuple(int(sp.sympify(s).subs(sizes)) for s in v) for k, v in own.tensors.items()}
    tensors = {name: np.zeros(shape) for name, shape in shapes.items()}
    for p, array in zip(own.layer.parameters, own.unpack(tensors).values(), strict=True):
        assert array.shape == tuple(int(s.subs(sizes)) for s in p.shape)
        array += 1
    assert all((tensors[name] == 1).all() for name in tensors.keys() - shifted(own))
    assert sum(tensor.size for tensor in tensors.values()) == own.layer.count(**sizes)
    assert own.sizes_of(tensors) == sizes


@pytest.mark.parametrize("layer", ["GRU", "LSTM"])
def test_what_keras_2_gave_to_cudnn_is_what_it_reads_back_itself(layer):
    """tf_keras 2.21.0, hdf5_format.py, turns each gate of CuDNNGRU and CuDNNLSTM like this."""
    own = layout("keras2").layer(f"CuDNN{layer}", m=5, units=3)
    rng = np.random.default_rng(5)
    old = {name: rng.normal(size=shape) for name, shape in own.tensors.items()}
    kernel, recurrent = (
        np.hstack([turn(gate) for gate in np.hsplit(old[name], {"GRU": 3, "LSTM": 4}[layer])])
        for name, turn in (
            ("kernel", lambda gate: gate.T.reshape(gate.shape, order="F")),
            ("recurrent_kernel", lambda gate: gate.T),
        )
    )
    bias = old["bias"].reshape(2, -1)
    new = convert(old, "keras2", "keras")
    np.testing.assert_array_equal(new["kernel"], kernel)
    np.testing.assert_array_equal(new["recurrent_kernel"], recurrent)
    np.testing.assert_array_equal(new["bias"], bias if layer == "GRU" else bias.sum(0))
    assert not np.array_equal(new["kernel"], old["kernel"])
    back = convert(new, "keras", "keras2")
    np.testing.assert_array_equal(back["kernel"], old["kernel"])


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_pack_is_the_way_back(form, library):
    owner, layer, options = form
    arrays = np if library == "numpy" else torch
    first = owner.layer(layer, **options)
    both = first.form.has_directions
    own = owner.layer(layer, bidirectional=both, num_layers=1 + first.form.has_levels, **options)
    rng = np.random.default_rng(1)
    shapes = {k: [int(sp.sympify(s).subs(SIZES)) for s in v] for k, v in own.tensors.items()}
    tensors = {k: arrays.asarray(rng.normal(size=shape)) for k, shape in shapes.items()}
    packed = own.pack(own.unpack(tensors))
    assert list(packed) == list(tensors)
    assert all((packed[name] == tensors[name]).all() for name in tensors.keys() - shifted(own))
    assert all(abs(packed[name] - tensors[name]).max() < 1e-15 for name in shifted(own))


# What other libraries need of the language

OTHERS = """# A library that is none
lstm.keras  Rows(units=n)  *[{level+1}]{one| fw| bw}
b = interleaved -b_i | 2 * b_f - 1 | b_c | 0.5 * b_o + 0.25
kernel = interleaved transposed W_i | W_f | W_c | W_o
recurrent = U_i | U_f | U_c | U_o

gru.merged with trained initial states  Gru(size=n)
w[direction] = W_ir | W_iz | W_in / W_hr | W_hz | W_hn
b[direction] = b_r | b_z | b_in | b_hn
h0[direction] = h0
"""


def test_signs_numbers_constants_and_rows_unit_by_unit():
    own = Layout(Reader(OTHERS, "others.txt")).layer(
        "Rows", num_layers=2, bidirectional=True, m=3, n=2
    )
    assert own.tensors["kernel[1] fw"] == (3, 8) and own.tensors["kernel[2] bw"] == (4, 8)
    rng = np.random.default_rng(2)
    named = {
        p.name: rng.normal(size=[int(s.subs(own.sizes)) for s in p.shape])
        for p in own.layer.parameters
    }
    packed = own.pack(named)
    at = suffix(1, 1)
    b_i, b_f, b_c, b_o = (named[f"b_{gate}{at}"] for gate in "ifco")
    expected = [(-b_i[u], 2 * b_f[u] - 1, b_c[u], b_o[u] / 2 + 0.25) for u in range(2)]
    np.testing.assert_array_equal(packed["b[2] bw"], np.ravel(expected))
    np.testing.assert_array_equal(packed["kernel[2] bw"][:, 5], named["W_f" + at][1])
    back = own.unpack(packed)
    assert all(np.allclose(back[name], array, atol=1e-15) for name, array in named.items())
    assert next(iter(Layout(Reader(OTHERS, "others.txt")).tensors("Rows"))) == "b[1]one"


def test_the_direction_on_the_first_axis_and_trained_states():
    library = Layout(Reader(OTHERS, "others.txt"))
    own = library.layer("Gru", bidirectional=True, m=3, size=2)
    assert own.tensors == {"w": (2, 6, 5), "b": (2, 8), "h0": (2, 2)}
    assert own.count == 2 * (catalogue["gru.merged"].count(m=3, n=2) + 2)
    tensors = {name: np.random.default_rng(3).normal(size=s) for name, s in own.tensors.items()}
    named = own.unpack(tensors)
    np.testing.assert_array_equal(named["W_hz_l0_reverse"], tensors["w"][1, 2:4, 3:])
    np.testing.assert_array_equal(named["h0_l0_reverse"], tensors["h0"][1])
    packed = own.pack(named)
    assert all((packed[name] == tensor).all() for name, tensor in tensors.items())
    assert library.tensors("Gru", m=3, n=2) == {"w": (1, 6, 5), "b": (1, 8), "h0": (1, 2)}


def test_gradients_flow_through_pack():
    named = {
        p.name: torch.ones([int(s.subs(SIZES)) for s in p.shape], requires_grad=True)
        for p in layout("keras").layer("GRU").layer.parameters
    }
    sum((t * t).sum() for t in layout("keras").pack("GRU", named).values()).backward()
    assert all((tensor.grad == 2).all() for tensor in named.values())


# What does not fit is said

GOOD = {"kernel": np.ones((5, 9)), "recurrent_kernel": np.ones((3, 9)), "bias": np.ones((2, 9))}
KERAS_ERRORS = {
    "bias is missing": lambda: unpack_without("bias"),
    "scale is not one of kernel, recurrent_kernel, bias": lambda: unpack_with(scale=np.ones(3)),
    r"bias has shape \(9,\); it must have \(2, 9\), with m = 5, n = 3": lambda: unpack_with(
        bias=np.ones(9)
    ),
    r"recurrent_kernel has shape \(4, 9\); it must have \(3, 9\)": lambda: unpack_with(
        recurrent_kernel=np.ones((4, 9))
    ),
    r"kernel has shape \(5, 10\); it must have \(5, 9\)": lambda: unpack_with(
        kernel=np.ones((5, 10))
    ),
    "there is no layout of 'theano'; there are brevitas, burn, ": lambda: layout("theano"),
    "Keras 3.15.1 has no layer Gru that is known; there are GRU, LSTM": lambda: layout(
        "keras"
    ).count("Gru"),
    "GRU of Keras 3.15.1 has no option bias; it has units, reset_after": lambda: layout(
        "keras"
    ).count("GRU", bias=False),
    "one GRU of Keras 3.15.1 is one layer; stack several": lambda: layout("keras").count(
        "GRU", num_layers=2
    ),
    "a GRUCell of PyTorch 2.13.0 has one direction": lambda: layout("pytorch").count(
        "GRUCell", bidirectional=True
    ),
    r"no RNN\(nonlinearity='gelu'\) that is known; there are RNN\(input_size=m, .*'relu'": lambda: (
        layout("pytorch").count("RNN", nonlinearity="gelu")
    ),
    "units must be a positive integer, not 0": lambda: layout("keras").count("GRU", units=0),
    "m must be a positive integer, not 2.5": lambda: layout("keras").count("GRU", m=2.5),
    "n=4 is n, given as 3, too": lambda: layout("keras").count("GRU", units=3, n=4),
}


def unpack_with(**other: np.ndarray) -> object:
    return layout("keras").unpack("GRU", GOOD | other)


def unpack_without(name: str) -> object:
    return layout("keras").unpack("GRU", {k: v for k, v in GOOD.items() if k != name})


@pytest.mark.parametrize("sentence", KERAS_ERRORS)
def test_what_a_library_does_not_have_is_refused(sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        KERAS_ERRORS[sentence]()
    assert "\n" not in str(refusal.value)


HEAD = "rnn.pytorch  RNN(size=n)\n"
BODY = "w = W_ih\nu = W_hh\nb = b_ih | b_hh\n"
GRU = "gru.flux  GRU(size=n)\n"
LINES = {
    (2, "there is no W_ix in rnn.pytorch; did you mean W_ih?"): HEAD + "w = W_ix",
    (2, "there is no q in rnn.pytorch; it has W_ih, b_ih, W_hh, b_hh"): HEAD + "w = q",
    (5, "W_ih is already stored in line 2"): HEAD + BODY + "v = W_ih",
    (1, "b_hh of rnn.pytorch is stored in no tensor of RNN"): HEAD + "w = W_ih\nu = W_hh\nb = b_ih",
    (2, "w would hold W_ih (n, m), W_hh (n, n); blocks with |"): HEAD + "w = W_ih | W_hh",
    (2, "w would hold W_ih (n, m), b_ih (n,); all must be kernels"): HEAD + "w = W_ih / b_ih",
    (2, "b holds b_ih (n,); only a kernel is transposed"): HEAD + "b = transposed b_ih",
    (2, "b holds b_ih (n,); only a kernel is reshaped"): HEAD + "b = reshaped b_ih",
    (2, "w would hold W_ir (n, m), W_iz (n, m), W_in (n, m); rows with / between"): GRU
    + "w = W_ir | W_iz / W_in",
    (2, "equally long on the other axis, and here on both"): "lstm.projected  L(size=n)\n"
    "w = interleaved W_hr | W_hi",
    (2, "'W_ih @ x' cannot be stored: a block is one parameter"): HEAD + "w = W_ih @ x",
    (2, "'b_ih + b_hh' cannot be stored: a block is one parameter"): HEAD + "w = b_ih + b_hh",
    (2, "'0 * W_ih' cannot be stored"): HEAD + "w = 0 * W_ih",
    (2, "'' cannot be read"): HEAD + "w = W_ih |",
    (2, "'2' cannot be stored"): HEAD + "w = 2",
    (3, "w is already there, in line 2"): HEAD + "w = W_ih\nw = W_hh",
    (1, "w belongs to no layer"): "w = W_ih",
    (1, "RNN has no tensors"): HEAD,
    (1, "evidence is run, run once or read, not 'seen'"): "# evidence: seen\n" + HEAD + BODY,
    (1, "there is no cell rnn.torch in the catalogue"): "rnn.torch  RNN(size=n)\n" + BODY,
    (1, "'without bias' is no change of a cell"): "rnn.pytorch without bias  RNN()\n" + BODY,
    (1, "there is no function selu"): "rnn.pytorch with selu for tanh  RNN()\n" + BODY,
    (1, "'RNN' is no layer; write it as GRU(units=n"): "rnn.pytorch  RNN\n" + BODY,
    (1, "'RNN(n)' is no layer"): "rnn.pytorch  RNN(n)\n" + BODY,
    (1, "an option of a layer is a constant or a size of the cell, not size=n + 1"): (
        "rnn.pytorch  RNN(size=n + 1)\n" + BODY
    ),
    (1, "size is k, but the sizes of rnn.pytorch are m, n"): "rnn.pytorch  RNN(size=k)\n" + BODY,
    (2, "the first form of RNN, in line 1, has no option bias"): HEAD
    + "rnn.pytorch without biases  RNN(bias=False)\n"
    + BODY,
    (2, "this form of RNN is already in line 1"): HEAD + HEAD + BODY,
    (1, "is neither a tensor, such as kernel = W, nor a cell and a layer"): "rnn.pytorch RNN()\n",
    (
        1,
        "'_l{level}' does not say what a tensor is called; write *",
    ): "rnn.pytorch  R()  _l{level}\n" + BODY,
    (1, "{a|b} is {level}, {level+1}, {_reverse}"): "rnn.pytorch  R()  *{a|b}\n" + BODY,
    (2, "w has the direction on its first axis and in its name"): "rnn.pytorch  R()  *{_r}\n"
    "w[direction] = W_ih",
    (2, "w holds biases and kernels, so that R in line 1 cannot be without biases"): (
        "minimal.mgu_flax without biases  R()\nw = b_f / W_if"
    ),
    (2, "there is no layer; write a cell of the catalogue"): "# nothing\n# at all",
}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[1][:40])
def test_a_wrong_line_is_named_with_what_would_be_right(line):
    number, sentence = line
    with pytest.raises(LayoutError) as refusal:
        Layout(Reader(LINES[line], "some.txt"))
    message = str(refusal.value)
    assert message.startswith(f"some.txt, line {number}: ")
    assert sentence in message and "\n" not in message


NOT_PUBLIC = {"cudnn", "matlab"}
"""Libraries whose source cannot be read; their layout says from what it was taken."""


def test_every_layout_says_where_it_was_read():
    for name, own in libraries().items():
        assert own.title and own.sources
        for source in own.sources:
            if name in NOT_PUBLIC:
                assert own.evidence == "read" and "source is not public" in source
            else:
                assert re.search("^[\\w-]+/[\\w.-]+, .* at commit [0-9a-f]{40}", source), name


def test_the_libraries_that_most_readers_look_for_come_first():
    names = list(libraries())
    assert names[: len(FIRST)] == list(FIRST)
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("*.txt"))
    known = [libraries()[name].evidence for name in names[len(FIRST) :]]
    assert known == sorted(known, key=EVIDENCE.index) and set(known) == {"run once", "read"}
    assert {libraries()[name].evidence for name in FIRST} == {"run"}


def test_how_a_form_is_known_and_what_its_options_mean():
    text = (
        "# A library 2.1\n# evidence: run once\n"
        "rnn.pytorch  RNN(bias=True)\nrnn.pytorch without biases  RNN(bias=False)  # no biases\n"
        "w = W_ih\nu = W_hh\nb = b_ih | b_hh\n# evidence: read\n"
        "rnn.elman  Elman()  *_l{level}  # one bias\nw = W\nu = U\nb = b"
    )
    own = Layout(Reader(text, "some.txt"))
    assert own.label == "A library" and own.evidence == "run once"
    assert [(form.evidence, form.note) for form in own.forms] == [
        ("run once", ""),
        ("run once", "no biases"),
        ("read", "one bias"),
    ]
    assert own.forms[2].naming == "*_l{level}"
    assert Layout(Reader(HEAD + BODY, "some.txt")).evidence == "read"

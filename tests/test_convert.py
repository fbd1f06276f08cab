"""conversion: every layer of every library into every other, there and back; what is refused."""

from __future__ import annotations

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_sym import CannotConvert, cell, conversions, convert, equivalent, generate
from gru_sym.cli.main import main
from gru_sym.conversion import files
from gru_sym.conversion.files import FileError, Tensors, read, write
from gru_sym.conversion.matching import guess
from gru_sym.conversion.passages import Passage, passage
from gru_sym.conversion.stacks import stack_of
from gru_sym.explanation.keras_names import named
from gru_sym.explanation.recognition import recognise
from gru_sym.libraries.layout import layout
from gru_sym.libraries.layout_text import Form
from gru_sym.libraries.naming import SizeOf
from gru_sym.libraries.stored import stored_layer
from gru_sym.libraries.texts import names

LIBRARIES = sorted(names())
SIZES = {"m": 3, "n": 4, "p": 2, "k": 5}
ROUNDING = 1e-13
"""How far outputs may be apart in float64: sums of ten terms below 10, over few steps."""


def options_of(form: Form) -> dict[str, object]:
    return {name: v for name, v in form.options.items() if not isinstance(v, SizeOf)}


def every_form() -> list[tuple[str, Form]]:
    return [(library, form) for library in LIBRARIES for form in layout(library).forms]


def random_tensors(library: str, form: Form, height: int, both: bool, seed: int):
    stored = stored_layer(form, height, both, ())
    draw = np.random.default_rng(seed)
    return {
        name: draw.normal(size=[int(sp.sympify(axis).subs(SIZES)) for axis in shape])
        for name, shape in stored.tensors.items()
    }


def outputs(
    stack, x: np.ndarray, names: dict[str, str] | None = None, from_zero: bool = False
) -> np.ndarray:
    """What a stack hands on, by the generated code of its cell; `names` are of its first states."""
    made = stack.stored.layer.cell
    routine = generate(made)
    for level in range(stack.height):
        reads = []
        for direction in range(1 + stack.both):
            first = {}
            for number, state in enumerate(
                sorted(made.states, key=lambda s: (names or {}).get(s, s))
            ):
                size = made.sizes.shapes[state][0]
                draw = np.random.default_rng([level, direction, number])
                own = stack.states.get((level, direction), {}).get(f"{state}0")
                plain = draw.normal(size=SIZES[size]) * (not from_zero) if own is None else own
                first[state] = np.broadcast_to(plain, (x.shape[1], SIZES[size]))
            parameters = dict(stack.places[level, direction])
            own_x = x[::-1] if direction else x
            h, _ = routine.sequence(parameters, own_x, *(first[s] for s in routine.states))
            reads.append(h[::-1] if direction else h)
        x = np.concatenate(reads, axis=-1)
    return x


def stack(tensors, library: str, form: Form):
    options = options_of(form)
    return stack_of(tensors, layout(library), None, form.layer, options)


# Every layer into every other


RUN = [library for library in LIBRARIES if layout(library).evidence == "run"]
PAIRS = [
    (a, b)
    for a, b in itertools.product(LIBRARIES, LIBRARIES)
    if {a, b} <= {*RUN} or "pytorch" in (a, b)
]
"""Those that can be run, with each other; the others with PyTorch."""


@pytest.mark.parametrize(("library", "there"), PAIRS)
def test_every_pair_of_libraries_there_and_back(library, there):
    """The outputs are equal to rounding, and where nothing was summed the tensors come back."""
    done = 0
    for number, form in enumerate(layout(library).forms):
        if form.trained_states:
            continue
        height, both = 1 + (number % 2), form.has_directions and number % 3 > 0
        height = height if form.has_levels else 1
        tensors = random_tensors(library, form, height, both, number)
        mine = {"from_layer": form.layer, "from_options": options_of(form)}
        try:
            found = convert(tensors, library, there, **mine)
        except CannotConvert:  # what is refused, and why, is below
            continue
        target = next(
            f
            for f in layout(there).forms
            if f.cell_id
            and stored_layer(f, 1, False, ()).layer.cell is found.passage.b
            and found.target.startswith(f.layer + "(")
        )
        width = str(found.passage.a.sizes.shapes["x"][0])
        x = np.random.default_rng(7).normal(size=(4, 2, SIZES[width]))
        one = outputs(stack(tensors, library, form), x, from_zero=target.trained_states)
        other = outputs(stack(dict(found), there, target), x, found.passage.states)
        np.testing.assert_allclose(other, one, rtol=0, atol=ROUNDING)
        done += 1
        if found.passage.copied:  # one gate became two that are equal
            continue
        theirs = {"from_layer": target.layer, "from_options": options_of(target)}
        back = convert(
            found, there, library, **theirs, to_layer=form.layer, to_options=options_of(form)
        )
        assert back.keys() == tensors.keys() or height > 1
        if found.passage.verdict == "exact" and back.keys() == tensors.keys():
            shifted = any(
                b.constant for line in (*form.lines, *target.lines) for r in line.rows for b in r
            )
            for name, array in tensors.items():
                np.testing.assert_allclose(back[name], array, rtol=0, atol=4e-16 if shifted else 0)
    assert done or library != there


@settings(max_examples=40)
@given(
    st.sampled_from([nn.GRU, nn.LSTM, nn.RNN]),
    st.integers(1, 5),
    st.integers(2, 5),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_a_real_layer_of_pytorch_computes_what_the_source_does(
    kind, m, n, height, both, bias, data
):
    """From Keras' tensors, drawn at random, into a layer that torch runs itself."""
    library = layout("keras")
    name = "SimpleRNN" if kind is nn.RNN else kind.__name__
    own = library.layer(name, m=m, n=n, use_bias=bias, bidirectional=both)
    draw = np.random.default_rng(data.draw(st.integers(0, 99)))
    tensors = {}
    for level in range(height):
        wide = m if level == 0 else n * (1 + both)
        shapes = library.tensors(name, m=wide, n=n, use_bias=bias, bidirectional=both)
        start = f"{level}/" if height > 1 else ""
        tensors |= {start + k: draw.normal(size=shape) for k, shape in shapes.items()}
    options = {"nonlinearity": "tanh"} if kind is nn.RNN else {}
    found = convert(tensors, "keras", "pytorch", to_layer=kind.__name__, to_options=options)
    module = kind(m, n, height, bidirectional=both, bias=bias, **options).double()
    module.load_state_dict({k: torch.tensor(v) for k, v in found.items()})
    source = stack_of(tensors, library, None, name, {})
    x = draw.normal(size=(4, 2, m))
    first = {s: np.zeros((2, n)) for s in own.layer.cell.states}
    routine = generate(source.stored.layer.cell)
    wanted = x
    for level in range(height):
        ways = []
        for direction in range(1 + both):
            turned = wanted[::-1] if direction else wanted
            states = [first[s] for s in routine.states]
            h, _ = routine.sequence(dict(source.places[level, direction]), turned, *states)
            ways.append(h[::-1] if direction else h)
        wanted = np.concatenate(ways, axis=-1)
    with torch.no_grad():
        got = module(torch.tensor(x))[0].numpy()
    np.testing.assert_allclose(got, wanted, rtol=0, atol=ROUNDING)


def test_torch_tensors_stay_what_they_are():
    module = nn.LSTM(3, 4, proj_size=2, bidirectional=True).to(torch.bfloat16)
    found = convert(module.state_dict(), "pytorch", "pytorch")
    assert found.passage.verdict == "exact"
    for name, tensor in module.state_dict().items():
        assert found[name].dtype == torch.bfloat16 and torch.equal(found[name], tensor)
        assert found[name].data_ptr() != tensor.data_ptr()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_sum_rounds_once_in_the_type_of_the_arrays(dtype):
    tensors = {
        k: np.random.default_rng(1).normal(size=s).astype(dtype)
        for k, s in layout("pytorch").tensors("LSTM", m=3, n=4).items()
    }
    found = convert(tensors, "pytorch", "keras")
    summed = (tensors["bias_ih_l0"] + tensors["bias_hh_l0"]).reshape(4, 4)
    np.testing.assert_array_equal(found["bias"].reshape(4, 4), summed)  # i, f, g, o are i, f, c, o
    assert found["bias"].dtype == np.dtype(dtype)
    assert any(f"rounded once in {dtype}" in note for note in found.notes)


def test_nan_and_signed_zero_are_kept():
    tensors = {k: np.zeros(s) for k, s in layout("pytorch").tensors("GRU", m=3, n=4).items()}
    tensors["weight_ih_l0"][0, 0] = np.nan
    tensors["bias_hh_l0"][:] = -0.0
    back = convert(convert(tensors, "pytorch", "keras"), "keras", "pytorch")
    assert all(back[name].tobytes() == array.tobytes() for name, array in tensors.items())


# The substitution


CELLS = ["gru.answer", "gru.pytorch", "gru.merged", "gru.flux", "gru.keras_reset_before"]


@pytest.mark.parametrize(("a", "b"), [*itertools.product(CELLS, CELLS)])
def test_every_way_is_proved_and_runs_one_way_alone(a, b):
    found = passage(cell(a), cell(b))
    if isinstance(found, Passage):
        assert equivalent(cell(a), cell(b), guess(cell(a), cell(b)).texts)
    after, before = {"gru.pytorch", "gru.merged", "gru.flux"}, {"gru.answer", CELLS[-1]}
    assert bool(found) == (a == b or ({a, b} <= before) or ({a, b} <= after and b != "gru.flux"))


CONDITIONS = {
    ("gru.pytorch", "gru.flux"): ("b_hn",),
    ("gru.merged", "gru.keras_reset_before"): ("W_hn", "b_hn"),
    ("gru.keras_reset_before", "gru.pytorch"): ("U_h",),
    ("lstm.peephole", "lstm.keras"): ("p_i", "p_f", "p_o"),
    ("rnn.pytorch", "lstm.keras"): None,
    ("gru.keras_hard_sigmoid", "gru.keras_reset_before"): None,
}


@pytest.mark.parametrize("pair", CONDITIONS)
def test_the_condition_is_found(pair):
    assert passage(*map(cell, pair)).zero == CONDITIONS[pair]


def test_the_old_state_may_be_kept_by_the_other_side_of_the_gate():
    found = passage(cell("gru.dey_salem"), cell("gru.keras_reset_before"))
    assert found.verdict == "exact"
    assert found.negated == {"W_z": "-W_z", "U_z": "-U_z", "b_z": "-b_z"}


def test_the_table_has_every_pair_and_agrees_with_what_is_converted():
    rows = conversions("gru")
    assert len(rows) == len({(r.source, r.target) for r in rows})
    assert all(row.verdict == "exact" for row in rows if row.source == row.target)
    with pytest.raises(ValueError, match="no library has a layer of the family 'cnn'"):
        conversions("cnn")


# What cannot be converted


def gru(**other: np.ndarray) -> dict[str, np.ndarray]:
    shapes = layout("pytorch").tensors("GRU", m=3, n=4)
    return {k: np.ones(s) for k, s in shapes.items()} | other


REFUSED = {
    r"GRU\(reset_after=False, use_bias=True\) of Keras 3.15.1 has no place for W_hn and b_hn of "
    r"GRU\(bias=True\), gru.pytorch: it would be the same function if they were exactly 0, and "
    r"here the largest number in them is 1": lambda: convert(
        gru(), "pytorch", "keras", to_options={"reset_after": False, "use_bias": True}
    ),
    r"no LSTM of Keras 3.15.1 computes what GRU\(bias=True\), gru.pytorch does": lambda: convert(
        gru(), "pytorch", "keras", to_layer="LSTM"
    ),
    "there is no layout of 'theano'": lambda: convert(gru(), "theano", "keras"),
    "no layer of Keras 3.15.1 has an option bias": lambda: convert(
        gru(), "pytorch", "keras", to_options={"bias": True}
    ),
    "no recurrent layer of Keras 3.15.1 among the tensors weight_ih_l0": lambda: convert(
        gru(), "keras", "pytorch"
    ),
    "bias_hh_l0 is missing": lambda: convert(
        {k: v for k, v in gru().items() if k != "bias_hh_l0"}, "pytorch", "keras"
    ),
    r"weight_hh_l0 has shape \(12, 5\); it must have \(12, 4\)": lambda: convert(
        gru(weight_hh_l0=np.ones((12, 5))), "pytorch", "keras"
    ),
    "holds int8; weights are converted as float16 to float64": lambda: convert(
        gru(weight_hh_l0=np.ones((12, 4), np.int8)), "pytorch", "keras"
    ),
    "is a sum that is too large for float16": lambda: convert(
        {
            k: np.full(s, 6e4, np.float16)
            for k, s in layout("pytorch").tensors("LSTM", m=3, n=4).items()
        },
        "pytorch",
        "keras",
    ),
    "there are 2 recurrent layers of PyTorch 2.13.0, a, b; say which": lambda: convert(
        {f"{at}.{k}": v for at in "ab" for k, v in gru().items()}, "pytorch", "keras"
    ),
    "there is no recurrent layer of PyTorch 2.13.0 at 'c'; there are a, b": lambda: convert(
        {f"{at}.{k}": v for at in "ab" for k, v in gru().items()}, "pytorch", "keras", layer="c"
    ),
    "b has m = 3, n = 4; in one stack with a it must have m = 4, n = 4": lambda: convert(
        {f"{at}.{k}": v for at in "ab" for k, v in gru().items()},
        "pytorch",
        "keras",
        layer=["a", "b"],
    ),
    "there are no tensors": lambda: convert({}, "pytorch", "keras"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_done_is_refused_in_one_sentence(sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        REFUSED[sentence]()
    assert "\n" not in str(refusal.value)


def test_with_exact_zeros_it_is_converted_and_said():
    tensors = gru()
    tensors["weight_hh_l0"][8:] = tensors["bias_hh_l0"][8:] = 0
    options = {"reset_after": False, "use_bias": True}
    found = convert(tensors, "pytorch", "keras", to_options=options)
    assert found.passage.zero == ("W_hn", "b_hn")
    assert "W_hn, b_hn are exactly 0 here" in found.notes[0]
    x = np.random.default_rng(3).normal(size=(5, 2, 3))
    source = stack_of(tensors, layout("pytorch"), None, "GRU", {})
    target = stack_of(found, layout("keras"), None, "GRU", options)
    np.testing.assert_allclose(outputs(target, x), outputs(source, x), rtol=0, atol=ROUNDING)
    tensors["bias_hh_l0"][9] = 5e-324
    with pytest.raises(CannotConvert, match=r"4\.94e-324$"):
        convert(tensors, "pytorch", "keras", to_options=options)


def test_what_names_and_shapes_do_not_tell_is_said():
    shapes = layout("keras").tensors("GRU", m=3, n=4, use_bias=False)
    tensors = {k: np.ones(s) for k, s in shapes.items()}
    found = convert(tensors, "keras", "pytorch")
    assert "fit GRU(reset_after=False, use_bias=False) of Keras 3.15.1 as well" in found.notes[0]
    assert not convert(tensors, "keras", "keras", from_options={"reset_after": True}).notes


def test_layers_on_top_of_each_other_become_one_stack():
    module = nn.GRU(3, 4, num_layers=2, bidirectional=True)
    two = convert(module.state_dict(), "pytorch", "keras")
    named_by_keras = {
        k.replace("0/", "model/gru/").replace("1/", "model/gru_1/"): v for k, v in two.items()
    }
    at = ["model.gru", "model.gru_1"]
    back = convert(named_by_keras, "keras", "pytorch", layer=at)
    assert all(torch.equal(back[k], v) for k, v in module.state_dict().items())
    assert [found.place for found in recognise(named_by_keras, layout("keras"))] == [
        "model/gru",
        "model/gru_1",
    ]


def test_without_two_directions_each_is_a_layer_of_its_own():
    module = nn.GRU(3, 4, num_layers=2, bidirectional=True)
    apart = convert(module.state_dict(), "pytorch", "flax_linen")
    names = {name.rpartition("/hn/bias")[0] for name in apart if name.endswith("hn/bias")}
    assert names == {f"{level}/{way}" for level in (0, 1) for way in ("forward", "backward")}
    assert any("every level or direction is a layer of its own" in note for note in apart.notes)
    back = convert(apart, "flax_linen", "pytorch", to_options={"bias": True})
    for name, tensor in module.state_dict().items():
        if name.startswith("weight"):
            assert torch.equal(back[name], tensor)
    x = np.random.default_rng(3).normal(size=(5, 2, 3))
    double = {name: tensor.double().numpy() for name, tensor in module.state_dict().items()}
    one = stack_of(double, layout("pytorch"), None, "GRU", {})
    other = convert(double, "pytorch", "flax_linen")
    other = stack_of(dict(other), layout("flax_linen"), None, "GRUCell", {})
    np.testing.assert_allclose(outputs(other, x), outputs(one, x), rtol=0, atol=ROUNDING)


# Files


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pt"])
def test_a_file_comes_back_to_the_last_bit(tmp_path, ending):
    draw = np.random.default_rng(5)
    arrays = {
        "a.w": draw.normal(size=(3, 4)),
        "f": draw.normal(size=(2, 3)).astype("f4").T,
        "half": draw.normal(size=3).astype("f2"),
        "empty": np.ones((0, 3), "f4"),
        "scalar": np.array(2.5, "f4"),
    }
    write(tmp_path / f"x{ending}", Tensors(arrays))
    back = read(tmp_path / f"x{ending}").arrays
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_bfloat16_rounds_as_torch_does(numbers):
    array = np.array(numbers, "f4")
    file = io.BytesIO()
    files._write_safetensors(file, Tensors({"b": array}, {"b"}))
    ours = np.frombuffer(file.getvalue()[-2 * len(array) :], "<u2")
    theirs = torch.tensor(array).to(torch.bfloat16).view(torch.int16).numpy().view("<u2")
    np.testing.assert_array_equal(ours, theirs)


def test_bfloat16_stays_bfloat16(tmp_path):
    module = nn.LSTM(3, 4).to(torch.bfloat16)
    torch.save(module.state_dict(), tmp_path / "a.pt")
    where = [str(tmp_path / name) for name in ("a.pt", "b.safetensors", "c.pt")]
    assert main(["convert", "pytorch", "keras", *where[:2]]) == 0
    assert read(Path(where[1])).bfloat16 == {"kernel", "recurrent_kernel", "bias"}
    assert main(["convert", "keras", "pytorch", *where[1:]]) == 0
    back = torch.load(where[2])
    assert torch.equal(back["weight_hh_l0"], module.weight_hh_l0)
    summed = module.bias_ih_l0 + module.bias_hh_l0
    assert torch.equal(back["bias_ih_l0"], summed) and not back["bias_hh_l0"].any()


def header(entries: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = json.dumps(entries).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def entry(dtype: object, shape: list[object], *offsets: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def twice() -> bytes:
    one = json.dumps(entry("F32", [1], 0, 4))
    text = f'{{"a": {one}, "a": {one}}}'.encode()
    return len(text).to_bytes(8, "little") + text + bytes(4)


HOSTILE = {
    "empty": (b"", "the header would be 0 bytes long"),
    "long header": (header({}, length=2**60), "the header would be"),
    "no JSON": (b"\2" + bytes(7) + b"[[", "is not JSON"),
    "a list": (header([1]), "is not a JSON object"),
    "nested": (header({}, length=0)[:8] + b"", "is not JSON"),
    "negative": (header({"a": entry("F32", [-4], 0, 0)}), "'a' has a shape that is none"),
    "huge": (header({"a": entry("F32", [2**62, 2**62], 0, 0)}), "'a' has"),
    "overlap": (
        header({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 2, 6)}, bytes(6)),
        "overlaps another tensor",
    ),
    "truncated": (header({"a": entry("F32", [3], 0, 12)}, bytes(5)), "the file has 5 for them"),
    "more": (header({"a": entry("F32", [1], 0, 4)}, bytes(9)), "the file has 9 for them"),
    "type": (header({"a": entry("Q7", [1], 0, 4)}, bytes(4)), "a type that is not known"),
    "list type": (header({"a": entry(["F32"], [1], 0, 4)}, bytes(4)), "not known"),
    "half a byte": (header({"a": entry("F4", [2], 0, 1)}, bytes(1)), "NumPy does not have"),
    "twice": (twice(), "'a' twice"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_lies_is_refused(tmp_path, case):
    raw, sentence = HOSTILE[case]
    (tmp_path / "x.safetensors").write_bytes(raw)
    with pytest.raises(FileError, match=sentence):
        read(tmp_path / "x.safetensors")


class Runs:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_code_in_a_file_is_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Runs(), "a.pt")
    np.savez("b.npz", a=np.array([Runs()], dtype=object))
    for name in ("a.pt", "b.npz"):
        with pytest.raises(FileError):
            read(Path(name))
    assert not Path("executed").exists()


def test_the_weights_of_keras_files_have_their_names():
    ones = {"layers/bidirectional/backward_layer/cell/vars/1": np.ones((3, 12)), "top": np.ones(2)}
    assert list(named(ones)) == [
        "layers/bidirectional/backward_lstm/lstm_cell/recurrent_kernel",
        "top",
    ]


# The command


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = nn.Sequential()
    module.add_module("gru", nn.GRU(3, 4))
    module.add_module("head", nn.Linear(4, 2))
    torch.save(module.state_dict(), "in.pt")
    return tmp_path


def test_the_layer_is_found_in_a_model_and_the_rest_is_told(here, capsys):
    assert main(["convert", "pytorch", "keras", "in.pt", "out.npz"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        "pytorch GRU(bias=True) -> keras GRU(reset_after=True, use_bias=True): exact"
    )
    assert "left out, 2 other tensors: head.weight, head.bias; --keep-rest copies them" in err
    assert {p.name for p in here.iterdir()} == {"in.pt", "out.npz"}
    assert list(np.load("out.npz")) == ["kernel", "recurrent_kernel", "bias"]
    assert main(["convert", "keras", "pytorch", "out.npz", "back.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "exact"
    whole = torch.load("in.pt")
    for name, array in read(Path("back.safetensors")).arrays.items():
        np.testing.assert_array_equal(array, whole[f"gru.{name}"].numpy())


def test_the_rest_is_kept_if_asked(here):
    assert main(["convert", "pytorch", "keras", "in.pt", "out.pt", "--keep-rest"]) == 0
    names = ["gru.kernel", "gru.recurrent_kernel", "gru.bias", "head.weight", "head.bias"]
    assert list(torch.load("out.pt")) == names


BAD = {
    "in.pt in.pt": "are one file",
    "in.pt there.npz": "is there already; --force replaces it",
    "in.pt out.h5": "a file that ends in .weights.h5",
    "in.pt out.keras --keep-rest": "Keras' recurrent layers alone",
    "in.pt out.txt": "no kind of file that is written",
    "missing.pt out.npz": "cannot be read: No such file",
    "in.txt out.npz": "no kind of file that is read",
    "in.pt nowhere/out.npz": "cannot be written: No such file",
    "in.pt out.npz --to-option reset_after=False": "has no place for W_hn and b_hn",
    "in.pt out.npz --from-option reset_after": "write an option as reset_after=False",
    "in.pt out.npz --layer head": "no recurrent layer of PyTorch 2.13.0 at 'head'",
    "in.pt": "convert takes FROM TO IN OUT",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_and_leaves_no_file(here, capsys, words):
    Path("there.npz").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert main(["convert", "pytorch", "keras", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert not out and BAD[words] in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_force_replaces(here):
    Path("there.npz").write_bytes(b"mine")
    assert main(["convert", "pytorch", "keras", "in.pt", "there.npz", "--force"]) == 0
    assert np.load("there.npz")["kernel"].shape == (3, 12)


def test_a_full_disk_leaves_no_file(here, capsys, monkeypatch):
    def full(file, tensors):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(files.WRITERS, ".npz", full)
    assert main(["convert", "pytorch", "keras", "in.pt", "out.npz"]) == 2
    assert "out.npz cannot be written: No space left on device" in capsys.readouterr().err
    assert [p.name for p in here.iterdir()] == ["in.pt"]


SLOW = """
import sys, time
from gru_sym.conversion import files
from gru_sym.cli.main import as_module
def slow(file, tensors):
    file.write(b"half of it")
    file.flush()
    print("writing", file=sys.stderr, flush=True)
    time.sleep(60)
files.WRITERS[".npz"] = slow
sys.exit(as_module())
"""


def test_an_interrupt_leaves_no_file(here):
    words = ["convert", "pytorch", "keras", "in.pt", "out.npz"]
    root = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert process.stderr is not None
    while process.stderr.readline() != "writing\n":
        assert process.poll() is None
    assert len(list(here.iterdir())) == 2
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT
    process.stderr.close()
    assert [p.name for p in here.iterdir()] == ["in.pt"]


def test_the_table(capsys):
    assert main(["convert", "--table", "LSTM"]) == 0
    assert "b_i = b_ii + b_hi" in capsys.readouterr().out
    assert main(["convert", "--table", "gru", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["conversions"]
    assert {row["verdict"] for row in rows} >= {"exact", "exact, with zeros", "no"}
    assert main(["convert", "--table", "cnn"]) == 2


# Keras itself


@pytest.fixture
def keras(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return pytest.importorskip("keras", reason="Keras comes with requirements-atlas.txt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras' own way to NumPy
@pytest.mark.parametrize("height", [1, 2])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_keras_loads_what_is_written_and_computes_what_pytorch_does(
    kind, both, height, keras, tmp_path, monkeypatch
):
    """PyTorch's layer into both kinds of file, each loaded by Keras, run, saved and read again."""
    monkeypatch.chdir(tmp_path)
    module = kind(3, 4, height, bidirectional=both, batch_first=True)
    torch.save(module.state_dict(), "in.pt")
    x = torch.randn(2, 5, 3)
    with torch.no_grad():
        expected = module(x)[0]
    for name in ("a.weights.h5", "a.keras"):
        assert main(["convert", "pytorch", "keras", "in.pt", name]) == 0
        model = keras.models.load_model(name) if name == "a.keras" else model_of(keras, kind, both)
        if name != "a.keras":
            for _ in range(height - 1):
                model.add(layer_of(keras, kind, both))
            model.load_weights(name)
        got = model(x).detach().cpu()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)  # float32
        own = read(Path(name)).arrays
        (model.save if name == "a.keras" else model.save_weights)(f"again.{name}")
        again = read(Path(f"again.{name}")).arrays
        assert list(again) == list(own)
        assert all(np.array_equal(again[k], own[k]) for k in own)
        places = list(dict.fromkeys("/".join(key.split("/")[:2]) for key in again))
        back = convert(again, "keras", "pytorch", layer=places, to_layer=kind.__name__)
        for key, tensor in module.state_dict().items():
            if key.startswith("weight"):
                np.testing.assert_array_equal(back[key], tensor)


def layer_of(keras, kind, both):
    name = "SimpleRNN" if kind is nn.RNN else kind.__name__
    layer = getattr(keras.layers, name)(4, return_sequences=True)
    return keras.layers.Bidirectional(layer) if both else layer


def model_of(keras, kind, both):
    return keras.Sequential([keras.Input((None, 3)), layer_of(keras, kind, both)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("options", [{"reset_after": False}, {"use_bias": False}])
def test_an_archive_says_what_its_arrays_do_not_tell(options, keras, tmp_path):
    """Without any bias nothing else tells the side of the reset."""
    shapes = layout("keras").tensors("GRU", m=3, n=4, **options)
    tensors = {k: np.random.default_rng(0).normal(size=s) for k, s in shapes.items()}
    found = convert(tensors, "keras", "keras", from_options=options, to_options=options)
    write(tmp_path / "a.keras", Tensors(dict(found), options=found.options))
    layer = keras.models.load_model(tmp_path / "a.keras").layers[0]
    own = {"reset_after": True, "use_bias": True} | options
    assert {name: getattr(layer, name) for name in own} == own
    assert layer.dtype == "float64"
    for got, tensor in zip(layer.get_weights(), found.values(), strict=True):
        np.testing.assert_array_equal(got, tensor)


def test_a_dataset_longer_than_its_file_can_hold_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: make atlas")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("gru/kernel", (2**20, 2**20), "<f4", chunks=(64, 64))
    with pytest.raises(FileError, match="longer than the file can hold"):
        read(tmp_path / "a.h5")


def test_other_arrays_are_no_keras_file(tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed: make atlas")
    with pytest.raises(FileError, match="weight_ih_l0 is no weight of a recurrent layer in Keras"):
        write(tmp_path / "a.weights.h5", Tensors({"weight_ih_l0": np.ones((4, 3))}))
    assert not list(tmp_path.iterdir())


def test_without_h5py_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for name in ("a.weights.h5", "a.keras"):
        with pytest.raises(FileError, match="takes h5py: pip install h5py"):
            write(tmp_path / name, Tensors({"kernel": np.ones((4, 3))}))
    (tmp_path / "b.h5").write_bytes(b"x")
    with pytest.raises(FileError, match="takes h5py: pip install h5py"):
        read(tmp_path / "b.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["b.h5"]

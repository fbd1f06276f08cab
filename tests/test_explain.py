"""`explain`: layers found, totals right to the last parameter, the model left as it was."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_sym import explain
from gru_sym.cli.main import main
from gru_sym.explanation.contents import FileError


def save_safetensors(path, tensors):
    """A safetensors file, written here from the format's description alone."""
    header, at = {}, 0
    for name, tensor in tensors.items():
        size = 4 * tensor.numel()
        entry = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        header[name], at = entry, at + size
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(at))


SIZES = st.integers(1, 9)
KINDS = (nn.GRU, nn.LSTM, nn.RNN, nn.GRUCell, nn.LSTMCell, nn.RNNCell)


@st.composite
def modules(draw):
    """A recurrent layer between an embedding and a linear layer."""
    kind, m, n = draw(st.sampled_from(KINDS)), draw(SIZES), draw(SIZES)
    options = {"bias": draw(st.booleans())}
    if kind in (nn.GRU, nn.LSTM, nn.RNN):
        options |= {"num_layers": draw(st.integers(1, 3)), "bidirectional": draw(st.booleans())}
    if kind is nn.LSTM and n > 1:
        options["proj_size"] = draw(st.integers(0, n - 1))
    model = nn.Sequential(nn.Embedding(7, m), kind(m, n, **options), nn.Linear(n, 2))
    return model, {"m": m, "n": n}


@settings(deadline=None, max_examples=40)
@given(modules())
def test_module_and_every_file_of_it_give_torchs_own_total(tmp_path_factory, made):
    model, sizes = made
    folder = tmp_path_factory.mktemp("files")
    state = model.state_dict()
    torch.save(state, folder / "state.pt")
    torch.save(model, folder / "module.pt")
    torch.save({"epoch": 3, "model": state}, folder / "checkpoint.pth")
    np.savez(folder / "model.npz", **{name: array.numpy() for name, array in state.items()})
    save_safetensors(folder / "model.safetensors", state)
    total = sum(p.numel() for p in model.parameters())
    own = sum(p.numel() for p in model[1].parameters())
    for what in (model, state, *folder.iterdir()):
        found = explain(what)
        assert found.total == total
        (layer,) = found.layers
        assert layer.stored == layer.count == own
        assert sizes.items() <= layer.sizes.items()
        assert sum(sum(gate.values()) for gate in layer.gates.values()) == own


def test_module_is_left_as_it_was():
    model = nn.Sequential(nn.GRU(5, 3), nn.BatchNorm1d(3)).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    attributes, random = set(vars(model[0])), torch.get_rng_state()
    str(explain(model))
    assert torch.equal(torch.get_rng_state(), random)
    assert not model.training
    assert set(vars(model[0])) == attributes
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_modules_that_keep_their_weights_otherwise():
    assert explain(torch.jit.script(nn.GRU(5, 3))).layers[0].stored == 90
    assert explain(nn.GRU(65536, 65536, device="meta")).total == 25_770_196_992
    normed = nn.utils.parametrizations.weight_norm(nn.GRU(5, 3), "weight_hh_l0")
    assert (explain(normed).total, explain(normed).layers[0].count) == (99, 90)
    assert "more than the formula: weight normalisation" in explain(normed).text()
    frozen = nn.Sequential(nn.GRU(5, 3), nn.Linear(3, 2)).requires_grad_(False)
    frozen[1].requires_grad_(True)
    assert (explain(frozen).total, explain(frozen).trainable) == (98, 8)


@pytest.mark.filterwarnings("ignore")
def test_quantised_layer_is_no_zero():
    model = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.GRU(128, 256)), {nn.GRU})
    assert sum(p.numel() for p in model.parameters()) == 0
    assert explain(model).total == explain(model).layers[0].count == 296_448


def test_statistics_of_batch_normalisation_are_no_parameters():
    model = nn.Sequential(nn.GRU(5, 3), nn.BatchNorm1d(3))
    for what in (model, model.state_dict()):
        assert explain(what).total == sum(p.numel() for p in model.parameters())
    told = explain(model.state_dict()).text()
    assert "not counted: 7 (statistics of batch normalisation)" in told


def test_tied_tensors_count_once(tmp_path):
    models = []
    for device in ("cpu", "meta"):
        model = nn.ModuleList([nn.GRU(256, 256, device=device), nn.GRU(256, 256, device=device)])
        model[1].weight_hh_l0 = model[0].weight_hh_l0
        models += [model, model.state_dict()]
    torch.save(models[1], tmp_path / "tied.pt")
    for what in (*models, tmp_path / "tied.pt"):
        assert explain(what).total == 592_896
        assert explain(what).tied == (("0.weight_hh_l0", "1.weight_hh_l0"),)


def test_names_that_say_nothing_are_told(tmp_path):
    np.savez(tmp_path / "keras.npz", np.ones((5, 9)), np.ones((3, 9)), np.ones((2, 9)), np.ones(4))
    found = explain(tmp_path / "keras.npz")
    assert found.total == 94
    assert "found by its shapes alone" in found.text()
    assert found.layers[0].layer == "GRU(reset_after=True, use_bias=True)"


def test_reset_before_or_after_cannot_be_told_without_biases():
    (layer,) = explain({"kernel": np.ones((5, 9)), "recurrent_kernel": np.ones((3, 9))}).layers
    calls = [layer.layer, *layer.also]
    assert {"True", "False"} <= {"True" if "after=True" in c else "False" for c in calls}


def test_optimisers_copies_are_told_and_not_counted(tmp_path):
    model = nn.GRU(5, 3)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 5))[0].sum().backward()
    optimiser.step()
    saved = {"model": model.state_dict(), "optimizer": optimiser.state_dict()}
    torch.save(saved, tmp_path / "checkpoint.pt")
    found = explain(tmp_path / "checkpoint.pt")
    assert found.total == 90
    assert "not counted: 184 (optimizer: a copy that the optimiser keeps)" in found.text()


def test_command_line(tmp_path, capsys):
    torch.save(nn.GRU(5, 3).state_dict(), tmp_path / "gru.pt")
    assert main(["explain", str(tmp_path / "gru.pt"), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["layers"][0]["effective"] == 84
    assert main(["explain", str(tmp_path / "gru.pt")]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    assert main(["explain", str(tmp_path / "none.pt")]) == 2
    assert not capsys.readouterr().out


def test_what_is_no_model_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "model.txt").write_text("")
    for what in (3, {"a": 3}, {"a": {"b": "text"}}):
        with pytest.raises(ValueError, match=r"\w"):
            explain(what)
    with pytest.raises(FileError, match="can end in"):
        explain(tmp_path / "model.txt")


def test_both_directions_of_keras_are_one_layer():
    shapes = {"kernel": (5, 9), "recurrent_kernel": (3, 9), "bias": (2, 9)}
    (layer,) = explain(
        {
            f"bidirectional/{direction}_gru/gru_cell/{name}": np.ones(shape)
            for direction in ("forward", "backward")
            for name, shape in shapes.items()
        }
    ).layers
    assert (layer.name, layer.count, layer.effective) == ("bidirectional", 180, 168)

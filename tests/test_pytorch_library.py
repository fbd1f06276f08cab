"""libraries/pytorch.py: PyTorch's own arithmetic agrees with the cell's, name by name."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from cells import run_text
from torch import nn

from gru_sym.libraries.pytorch import (
    cell_names,
    cell_of,
    named_gradients,
    named_parameters,
    pack,
    sizes_of,
    with_parameters,
)

LAYERS = [
    (nn.GRU, {}),
    (nn.GRU, {"num_layers": 3, "bidirectional": True}),
    (nn.GRU, {"num_layers": 2, "bias": False}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True}),
    (nn.LSTM, {"num_layers": 2, "bidirectional": True, "proj_size": 2}),
    (nn.LSTM, {"proj_size": 2, "bias": False}),
    (nn.RNN, {"num_layers": 2, "nonlinearity": "relu"}),
    (nn.RNN, {"bidirectional": True, "bias": False}),
    (nn.GRUCell, {}),
    (nn.GRUCell, {"bias": False}),
    (nn.LSTMCell, {}),
    (nn.LSTMCell, {"bias": False}),
    (nn.RNNCell, {"nonlinearity": "relu"}),
]
IDS = [f"{kind.__name__}-{'-'.join(map(str, options.values()))}" for kind, options in LAYERS]


def build(kind: type[nn.Module], options: dict) -> nn.Module:
    torch.manual_seed(0)
    return kind(3, 4, dtype=torch.float64, **options)


@pytest.fixture(params=LAYERS, ids=IDS)
def module(request: pytest.FixtureRequest) -> nn.Module:
    return build(*request.param)


def test_names_and_shapes_are_those_of_the_layer(module: nn.Module):
    layer, sizes = cell_of(module)[1], sizes_of(module)
    said = {p.name: tuple(int(s.subs(sizes)) for s in p.shape) for p in layer.parameters}
    found = {name: tuple(tensor.shape) for name, tensor in named_parameters(module).items()}
    assert found == said
    assert list(found) == list(said)


def test_one_step_is_what_the_equations_say(module: nn.Module):
    """Exchange two gates in the layout, or two sources in a name, and this fails."""
    cell = cell_of(module)[1].cell
    sizes = {"x": 3, **{state: int(cell.symbol(state).shape[0].subs(sizes_of(module)))
                        for state in cell.states}}  # fmt: skip
    values = {name: torch.randn(size, 1, dtype=torch.float64) for name, size in sizes.items()}
    x, states = values.pop("x"), values
    first = {k: v for k, v in named_parameters(module).items() if k.endswith("_l0")}
    rows = cell_names(first)
    columns = {name: t if t.ndim == 2 else t[:, None] for name, t in rows.items()}
    arrays = {name: t.numpy() for name, t in {**columns, "x": x, **states}.items()}
    expected = torch.from_numpy(run_text(cell, arrays)[f"{cell.output}_next"].T)

    start = tuple(states[s].T for s in ("h", "c") if s in states)
    if isinstance(module, nn.RNNCellBase):
        found = module(x.T, start if len(start) == 2 else start[0])
        found = found[0] if len(start) == 2 else found
    else:
        copies = module.num_layers * (2 if module.bidirectional else 1)
        start = tuple(s.expand(copies, 1, -1).contiguous() for s in start)
        last = module(x.T[None], start if len(start) == 2 else start[0])[1]
        found = last[0][0] if len(start) == 2 else last[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


def test_gradients_lie_where_the_parameters_do(module: nn.Module):
    with pytest.raises(ValueError, match="call backward"):
        named_gradients(module)
    sum((tensor**2).sum() for tensor in module.parameters()).backward()
    gradients = named_gradients(module)
    for name, tensor in named_parameters(module).items():
        assert torch.equal(gradients[name], 2 * tensor)


def test_an_lstm_with_a_projection_is_its_own_cell():
    assert cell_of(nn.LSTM(3, 4, proj_size=2))[0] == "lstm.projected"


@pytest.mark.parametrize("module", [nn.Linear(2, 3), nn.Embedding(8, 2), nn.RNNBase("GRU", 2, 3)])
def test_other_modules_are_refused_in_one_sentence(module: nn.Module):
    for function in (cell_of, named_parameters, sizes_of):
        with pytest.raises(TypeError, match=f"^{type(module).__name__} is not a recurrent layer"):
            function(module)


def test_wrong_tensors_are_refused_by_name():
    module = nn.GRU(3, 4)
    good = named_parameters(module)
    with pytest.raises(ValueError, match="b_hn_l0 is missing"):
        pack(module, {name: t for name, t in good.items() if name != "b_hn_l0"})
    with pytest.raises(ValueError, match="W_ix_l0 is not one of"):
        pack(module, {**good, "W_ix_l0": good["W_in_l0"]})
    with pytest.raises(ValueError, match=r"b_ir_l0 has shape \(12,\); it must have \(4,\)"):
        with_parameters(module, {**good, "b_ir_l0": torch.zeros(12)})


def test_importing_the_package_does_not_import_torch():
    rooms = (
        "gru_sym, gru_sym.experiment.merging, gru_sym.experiment.jacobian, gru_sym.experiment.idle"
    )
    code = f"import {rooms}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_names_of_a_cell_are_for_one_layer_in_one_direction():
    assert "W_ih" in cell_names(named_parameters(nn.RNN(2, 3)))
    for options in ({"num_layers": 2}, {"bidirectional": True}):
        with pytest.raises(ValueError, match="is not of the first layer's first direction"):
            cell_names(named_parameters(nn.RNN(2, 3, **options)))

"""gpu/cudnn.py: what cuDNN is asked, checked with a cuDNN made of Python; its answers, on a GPU."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from ctypes import CFUNCTYPE, c_int, c_size_t, c_void_p
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from gru_sym.evidence.bias_modes import GATES, BiasMode
from gru_sym.gpu import cudnn_api
from gru_sym.gpu.cudnn import CudnnError, CudnnRnn, load
from gru_sym.gpu.cudnn_api import PROTOTYPES

SIZES = {"input_size": 5, "hidden_size": 7, "batch": 3, "steps": 4}
M, N = 5, 7
BAD_PARAM = 2000
KINDS = {"GRU": nn.GRU, "LSTM": nn.LSTM, "RNN_TANH": nn.RNN}
CREATED = ["", "RNNDescriptor", "DropoutDescriptor", *["RNNDataDescriptor"] * 2, "TensorDescriptor"]

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


class FakeCudnn:
    """Functions with cuDNN's prototypes. Called through C, they convert as the real ones do.

    `fails` is the function that returns an error. Its weight space is laid out as that of cuDNN
    9.28.0: first the matrices, then the biases that there are, each by linLayerID.
    """

    def __init__(self, fails: str = "", width: int = 4):
        self.fails, self.width = fails, width
        self.calls: list[tuple[str, tuple]] = []
        self.live: dict[int, str] = {}
        self.sizes: dict[int, list[int]] = {}
        self.arrays: dict[int, list[int]] = {}
        self.created = 1000
        for name, types in PROTOTYPES.items():
            setattr(self, name, CFUNCTYPE(c_int, *types)(partial(self.answer, name)))

    def cudnnGetErrorString(self, status: int) -> bytes:
        return b"CUDNN_STATUS_BAD_PARAM" if status == BAD_PARAM else b"?"

    def answer(self, name: str, *arguments) -> int:
        self.calls.append((name, arguments))
        if name == self.fails:
            return BAD_PARAM
        if name.startswith("cudnnCreate"):
            self.created += 1
            self.live[self.created] = name.removeprefix("cudnnCreate")
            c_void_p.from_address(arguments[0]).value = self.created
        elif name.startswith("cudnnDestroy"):
            if self.live.pop(arguments[0], None) != name.removeprefix("cudnnDestroy"):
                return BAD_PARAM
        elif name in ("cudnnGetRNNWeightSpaceSize", "cudnnGetRNNTempSpaceSizes"):
            last = sum(self.region(*self.regions()[-1])[1])
            sizes = [last] if name == "cudnnGetRNNWeightSpaceSize" else [64, 0]
            for address, size in zip(arguments[-len(sizes) :], sizes, strict=True):
                c_size_t.from_address(address).value = size
        elif name == "cudnnGetRNNWeightParams":
            base, lin_layer_id, *outputs = arguments[4:]
            self.weight(base, (lin_layer_id, "matrix"), *outputs[:2])
            self.weight(base, (lin_layer_id, "bias"), *outputs[2:])
        elif name == "cudnnSetRNNDataDescriptor":
            self.arrays[arguments[0]] = list((c_int * arguments[4]).from_address(arguments[6]))
        elif name == "cudnnSetTensorNdDescriptor":
            sizes, strides = ((c_int * 3).from_address(address) for address in arguments[3:])
            self.arrays[arguments[0]] = [*sizes, *strides]
        elif name == "cudnnGetTensorNdDescriptor":
            sizes = self.sizes[arguments[0]]
            c_int.from_address(arguments[3]).value = len(sizes)
            (c_int * len(sizes)).from_address(arguments[4])[:] = sizes
        return 0

    def layer(self) -> tuple:
        return self.arguments("cudnnSetRNNDescriptor_v8")

    def gates(self) -> int:
        return {1: 1, 2: 4, 3: 3}[self.layer()[2]]

    def regions(self) -> list[tuple[int, str]]:
        gates, bias = self.gates(), self.layer()[3]
        first, last = {0: (0, 0), 1: (0, gates), 2: (0, 2 * gates), 3: (gates, 2 * gates)}[bias]
        biases = [(i, "bias") for i in range(first, last)]
        return [(i, "matrix") for i in range(2 * gates)] + biases

    def region(self, lin_layer_id: int, what: str) -> tuple[list[int], tuple[int, int]]:
        """Its sizes; its offset and its length in bytes."""
        (m, n), offset = self.layer()[9:11], 0
        for other in self.regions():
            columns = 1 if other[1] == "bias" else m if other[0] < self.gates() else n
            length = n * columns * self.width
            if other == (lin_layer_id, what):
                return [1, n, columns], (offset, length)
            offset += length
        raise KeyError((lin_layer_id, what))

    def weight(self, base: int, key: tuple[int, str], descriptor: int, address: int) -> None:
        there = key in self.regions()
        self.sizes[descriptor], (offset, _) = self.region(*key) if there else ([], (0, 0))
        c_void_p.from_address(address).value = base + offset if there else None

    def arguments(self, name: str) -> tuple:
        """Those of the last call of a function."""
        return next(arguments for called, arguments in reversed(self.calls) if called == name)


def rnn(kind: str = "GRU", fake: FakeCudnn | None = None, **options) -> CudnnRnn:
    options = {**SIZES, "dtype": torch.float32, "device": "cpu", **options}
    return CudnnRnn(kind, library=fake or FakeCudnn(), **options)


def use(fake: FakeCudnn) -> None:
    """Have every function called once."""
    with rnn(fake=fake) as layer:
        layer.regions()
        layer.forward(torch.zeros(4, 3, M), torch.zeros(1, 3, N))


def test_importing_loads_neither_torch_nor_a_library():
    code = "import sys, gru_sym.gpu.cudnn; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_there_is_no_cudnn_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch):
    load.cache_clear()
    monkeypatch.setattr(cudnn_api, "_candidates", lambda: ["libcudnn-of-nowhere.so"])
    with pytest.raises(CudnnError, match=r"^no cuDNN was found"):
        load()


def test_a_library_without_the_functions_is_too_old(monkeypatch: pytest.MonkeyPatch):
    load.cache_clear()
    monkeypatch.setattr(cudnn_api, "_candidates", lambda: [None])  # this process itself
    if torch.cuda.is_available():
        pytest.skip("this process may hold a cuDNN")
    with pytest.raises(CudnnError, match="too old, it has no cudnnCreate"):
        load()


def test_a_library_that_is_loaded_is_found_by_its_file(tmp_path: Path):
    maps = tmp_path / "maps"
    maps.write_text(
        "7f00-7f01 r-xp 00000000 08:01 42                /opt/a b/libcudnn.so.9\n"
        "7f01-7f02 r--p 00001000 08:01 42                /opt/a b/libcudnn.so.9\n"
        "7f02-7f03 r-xp 00000000 08:01 43                /opt/a b/libcudnn_adv.so.9\n"
        "7f03-7f04 rw-p 00000000 00:00 0\n"
    )
    assert cudnn_api._mapped(maps) == ["/opt/a b/libcudnn.so.9"]
    assert cudnn_api._mapped(tmp_path / "nothing") == []


def test_all_that_is_created_is_destroyed_the_last_first():
    fake = FakeCudnn()
    with rnn(fake=fake) as layer:
        assert list(fake.live.values()) == CREATED
        layer.regions()
        assert list(fake.live.values()) == CREATED
    assert fake.live == {}
    destroyed = [name for name, _ in fake.calls if name.startswith("cudnnDestroy")]
    assert destroyed[2:] == [f"cudnnDestroy{what}" for what in reversed(CREATED)]
    layer.close()
    assert [name for name, _ in fake.calls if name == "cudnnDestroy"] == ["cudnnDestroy"]


@pytest.mark.parametrize("name", [name for name in PROTOTYPES if "Destroy" not in name])
def test_whatever_fails_is_named_and_nothing_is_left(name: str):
    fake = FakeCudnn(fails=name)
    with pytest.raises(CudnnError, match=f"^{name}: CUDNN_STATUS_BAD_PARAM$"):
        use(fake)
    assert fake.live == {}


def test_a_failure_to_destroy_is_told_after_the_rest_is_destroyed():
    fake = FakeCudnn(fails="cudnnDestroyRNNDataDescriptor")
    layer = rnn(fake=fake)
    with pytest.raises(CudnnError, match="cudnnDestroyRNNDataDescriptor"):
        layer.close()
    assert Counter(fake.live.values()) == {"RNNDataDescriptor": 2}


@pytest.mark.parametrize("bias", BiasMode)
@pytest.mark.parametrize(("kind", "cell"), [("GRU", 3), ("LSTM", 2), ("RNN_TANH", 1)])
def test_the_layer_is_described_in_the_headers_order(kind: str, cell: int, bias: BiasMode):
    fake = FakeCudnn()
    with rnn(kind, fake, bias=bias, math="fma"):
        handle, layer, dropout = list(fake.live)[:3]
        #                               algorithm cell bias direction input, data, precision, math
        assert fake.layer() == (layer, 0, cell, int(bias), 0, 0, 0, 0, 3, M, N, N, 1, dropout, 1)
        assert fake.arguments("cudnnSetDropoutDescriptor") == (dropout, handle, 0.0, None, 0, 0)


@pytest.mark.parametrize(
    ("dtype", "data_type", "precision"),
    [(torch.float32, 0, 0), (torch.float64, 1, 1), (torch.float16, 2, 0)],
)
def test_data_type_and_precision(dtype: torch.dtype, data_type: int, precision: int):
    fake = FakeCudnn(width=dtype.itemsize)
    with rnn(fake=fake, dtype=dtype) as layer:
        assert fake.layer()[6:9] == (data_type, precision, 0)
        assert sum(r.elements for r in layer.regions()) * dtype.itemsize == layer.weight_space_bytes


def test_data_and_state_are_described_in_the_headers_order():
    fake = FakeCudnn()
    with rnn(fake=fake):
        x, y, h = list(fake.live)[3:]
        first, second = (a for name, a in fake.calls if name == "cudnnSetRNNDataDescriptor")
        assert first[:6] == (x, 0, 0, 4, 3, M) and first[7] is None
        assert second[:6] == (y, 0, 0, 4, 3, N) and second[7] is None
        assert fake.arguments("cudnnSetTensorNdDescriptor")[:3] == (h, 0, 3)
        assert fake.arrays == {x: [4] * 3, y: [4] * 3, h: [1, 3, N, 3 * N, N, 1]}


@pytest.mark.parametrize("bias", BiasMode)
@pytest.mark.parametrize("kind", KINDS)
def test_a_null_address_is_no_bias(kind: str, bias: BiasMode):
    gates = GATES[kind]
    with rnn(kind, bias=bias) as layer:
        found = layer.regions()
        biases = {region.lin_layer_id for region in found if region.what == "bias"}
        assert len(found) - len(biases) == 2 * gates
        assert layer.bias_count == gates * bias.vectors * N
        assert (
            biases
            == {
                BiasMode.NONE: set(),
                BiasMode.SINGLE_INP: set(range(gates)),
                BiasMode.DOUBLE: set(range(2 * gates)),
                BiasMode.SINGLE_REC: set(range(gates, 2 * gates)),
            }[bias]
        )


def test_offsets_count_from_the_start_of_the_weight_space():
    with rnn() as layer:
        shapes = [(N, M)] * 3 + [(N, N)] * 3 + [(N,)] * 6
        found = sorted(layer.regions(), key=lambda region: region.offset_bytes)
        assert [region.shape for region in found] == shapes
        ends = [region.offset_bytes + 4 * region.elements for region in found]
        assert [region.offset_bytes for region in found] == [0, *ends[:-1]]
        assert ends[-1] == layer.weight_space_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_fill_puts_each_tensor_at_its_offset(kind: str):
    fake = FakeCudnn()
    with rnn(kind, fake) as layer:
        weights = pieces(KINDS[kind](M, N), BiasMode.DOUBLE)
        layer.fill(weights)
        space = layer._weights.view(torch.float32)
        for region in layer.regions():
            first = region.offset_bytes // 4
            piece = space[first : first + region.elements].view(region.shape)
            assert torch.equal(piece, weights[region.key])


def test_fill_refuses_what_does_not_fit():
    weights = pieces(nn.GRU(M, N), BiasMode.DOUBLE)
    with rnn(bias=BiasMode.NONE) as layer, pytest.raises(ValueError, match="not stored by NONE"):
        layer.fill(weights)
    with rnn() as layer:
        with pytest.raises(ValueError, match=r"^\(5, 'matrix'\) has shape \(1, 7, 7\); it must"):
            layer.fill({**weights, (5, "matrix"): weights[5, "matrix"][None]})
        del weights[2, "bias"]
        with pytest.raises(ValueError, match=r"^\(2, 'bias'\) is missing"):
            layer.fill(weights)


@pytest.mark.parametrize("kind", KINDS)
def test_forward_passes_every_address_in_the_headers_order(kind: str):
    fake = FakeCudnn()
    x, h0, c0 = torch.zeros(4, 3, M), torch.zeros(1, 3, N), torch.zeros(1, 3, N)
    with rnn(kind, fake) as layer:
        handle, description, _, x_description, y_description, h_description = fake.live
        output, last = layer.forward(x, h0, c0 if kind == "LSTM" else None)
        assert output.shape == (4, 3, N) and last.shape == (1, 3, N)
        cell = (h_description, c0.data_ptr(), None) if kind == "LSTM" else (None, None, None)
        assert fake.arguments("cudnnRNNForward") == (
            *(handle, description, 0, layer._lengths.data_ptr()),
            *(x_description, x.data_ptr(), y_description, output.data_ptr()),
            *(h_description, h0.data_ptr(), last.data_ptr()),
            *cell,
            *(layer.weight_space_bytes, layer._weights.data_ptr()),
            *(64, layer._workspace.data_ptr(), 0, None),
        )
        assert layer._lengths.tolist() == [4, 4, 4] and layer._lengths.dtype == torch.int32
        assert layer.forward(x, h0)[0] is output


def test_forward_refuses_what_cudnn_could_not_see():
    x, h0 = torch.zeros(4, 3, M), torch.zeros(1, 3, N)
    layer = rnn()
    with pytest.raises(ValueError, match=r"x has shape \(3, 4, 5\); it must have \(4, 3, 5\)"):
        layer.forward(torch.zeros(3, 4, M), h0)
    with pytest.raises(ValueError, match=r"h0 is torch.float64 on cpu; it must be torch.float32"):
        layer.forward(x, h0.double())
    with pytest.raises(ValueError, match="x must be contiguous"):
        layer.forward(torch.zeros(3, 4, M).transpose(0, 1), h0)
    with pytest.raises(ValueError, match="GRU has no state c"):
        layer.forward(x, h0, h0)
    layer.close()
    with pytest.raises(CudnnError, match="closed"):
        layer.forward(x, h0)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "MGU"}, {"dtype": torch.int32}, {"math": "tf32"}],
    ids=["kind", "dtype", "math"],
)
def test_unknown_names_are_refused_before_anything_is_created(wrong: dict):
    fake = FakeCudnn()
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is '.+'; it must be one of"):
        rnn(fake=fake, **wrong)
    assert fake.calls == []


def pieces(module: nn.RNNBase, bias: BiasMode) -> dict:
    """The weights of a PyTorch layer by region, and those biases that the mode stores."""
    gates = len(module.weight_hh_l0) // N
    found = {}
    for first, source in ((0, "ih"), (gates, "hh")):
        for gate in range(gates):
            rows = slice(gate * N, (gate + 1) * N)
            found[first + gate, "matrix"] = getattr(module, f"weight_{source}_l0").detach()[rows]
            alone = BiasMode.SINGLE_REC if first else BiasMode.SINGLE_INP
            if bias in (BiasMode.DOUBLE, alone):
                found[first + gate, "bias"] = getattr(module, f"bias_{source}_l0").detach()[rows]
    return found


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("bias", BiasMode)
@pytest.mark.parametrize("kind", KINDS)
def test_cudnn_stores_so_many_biases(kind: str, bias: BiasMode, dtype: torch.dtype):
    gates = GATES[kind]
    with CudnnRnn(kind, bias=bias, dtype=dtype, **SIZES) as layer:
        assert layer.bias_count == gates * bias.vectors * N
        found = {region.key: region.shape for region in layer.regions()}
        assert found == {key: tuple(t.shape) for key, t in pieces(KINDS[kind](M, N), bias).items()}
        assert layer.weight_space_bytes >= dtype.itemsize * (gates * N * (M + N) + layer.bias_count)


@on_gpu
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str
)
@pytest.mark.parametrize("bias", BiasMode)
@pytest.mark.parametrize("kind", KINDS)
def test_cudnn_computes_what_pytorch_does(kind, bias, dtype, tolerance):
    """The reference is PyTorch on the CPU in float64, with those biases 0 that are not stored."""
    torch.manual_seed(0)
    module = KINDS[kind](M, N, dtype=torch.float64)
    x, h0 = torch.randn(4, 3, M, dtype=torch.float64), torch.randn(1, 3, N, dtype=torch.float64)
    c0 = torch.randn_like(h0) if kind == "LSTM" else None
    with torch.no_grad():
        if bias in (BiasMode.NONE, BiasMode.SINGLE_REC):
            module.bias_ih_l0.zero_()
        if bias in (BiasMode.NONE, BiasMode.SINGLE_INP):
            module.bias_hh_l0.zero_()
        expected, last = module(x, h0 if c0 is None else (h0, c0))
    last = last if c0 is None else last[0]
    on_device = [t if t is None else t.to("cuda", dtype) for t in (x, h0, c0)]
    with CudnnRnn(kind, bias=bias, dtype=dtype, math="fma", **SIZES) as layer:
        layer.fill(pieces(module, bias))
        for _ in range(2):
            for found, wanted in zip(layer.forward(*on_device), (expected, last), strict=True):
                error = (found.double().cpu() - wanted).abs().max()
                assert error <= tolerance * wanted.abs().max()


@on_gpu
def test_forward_allocates_nothing():
    x, h0 = torch.zeros(4, 3, M, device="cuda"), torch.zeros(1, 3, N, device="cuda")
    with CudnnRnn(dtype=torch.float32, **SIZES) as layer:
        before = torch.cuda.memory_stats()["allocation.all.allocated"]
        for _ in range(3):
            layer.forward(x, h0)
        assert torch.cuda.memory_stats()["allocation.all.allocated"] == before

"""gru_sym/gpu: the dry record on the CPU, cuDNN's modes with a stand-in, and a GPU where one is."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gru_sym import cell
from gru_sym.codegen import generate
from gru_sym.evidence import records as evidence
from gru_sym.evidence import tables, time_tables
from gru_sym.evidence.bias_modes import GATES, BiasMode
from gru_sym.evidence.conclusions import conclusion_table
from gru_sym.evidence.mode_cells import cells_of, region_of
from gru_sym.evidence.plan import (
    COMPILED,
    DESIGNS,
    FORWARD,
    LAYERS,
    Absent,
    Shape,
    dry_plan,
    full_plan,
)
from gru_sym.evidence.rules import RULES, agrees
from gru_sym.evidence.times import ratio
from gru_sym.gpu import accuracy, bias_modes, compilation, record, speed, timing
from gru_sym.gpu.cudnn import Region
from gru_sym.gpu.dispatch import MAKERS, maker, started
from gru_sym.gpu.operations import operations
from gru_sym.gpu.precision import MATMUL, SWITCHES, arithmetic
from gru_sym.gpu.provenance import provenance
from gru_sym.transform import without_biases

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture(scope="module")
def dry() -> dict:
    return record.record("cpu", dry=True, command="python -m gru_sym gpu --record dry.json")


class StandIn:
    """`CudnnRnn` by generated code. In SINGLE_REC its candidate's bias stands outside the reset."""

    def __init__(self, kind, *, input_size, hidden_size, batch, steps, dtype, bias, math, device):
        self.kind, self.bias, self.dtype = kind, bias, dtype
        self.input_size, self.hidden_size = input_size, hidden_size
        self.cell = cells_of(kind, bias)[-1 if bias is BiasMode.SINGLE_REC else 0]
        self.keys = {region_of(kind, bias, name): name for name in self.cell.program.parameters}
        counted = sum(region.elements for region in self.regions())
        self.weight_space_bytes = counted * dtype.itemsize + 16

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.keys = None

    def regions(self) -> list[Region]:
        m, n = self.input_size, self.hidden_size
        shapes = {"bias": (n,)}
        found = []
        for number, what in sorted(self.keys):
            shapes["matrix"] = (n, m if number < GATES[self.kind] else n)
            found.append(Region(number, what, 0, shapes[what]))
        return found

    def fill(self, weights) -> None:
        assert weights.keys() == self.keys.keys()
        self.parameters = {self.keys[key]: tensor for key, tensor in weights.items()}

    def forward(self, x, h0):
        assert h0.shape == (1, x.shape[1], self.hidden_size)
        outputs, last = generate(self.cell, "torch").sequence(self.parameters, x, h0[0])
        return outputs, last


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_modes, "CudnnRnn", StandIn)
    monkeypatch.setattr(bias_modes, "_require_cudnn", lambda plan: None)


def test_the_dry_record_is_good_evidence(dry):
    assert evidence.check(dry) == []
    assert dry["provenance"]["dry"] is True and dry["provenance"]["device"] == "cpu"
    for name, section in dry["sections"].items():
        assert section["rows"] or name in evidence.NOT_ON_CPU, (name, section)
        assert "failed" not in section
        assert ("absent" in section) == (name in evidence.NOT_ON_CPU)


def test_what_is_written_is_what_was_recorded(dry, tmp_path: Path):
    path = tmp_path / "dry.json"
    record.write(path, dry)
    assert evidence.load(path) == dry
    assert [file.name for file in tmp_path.iterdir()] == ["dry.json"]
    assert evidence.recorded(tmp_path) == [path]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum('"cell": "gru.pytorch"' in line for line in lines) > 10  # a row on a line


@pytest.mark.parametrize("bad", [math.nan, object()])
def test_a_write_that_fails_leaves_the_old_file(bad, tmp_path: Path):
    path = tmp_path / "record.json"
    path.write_text("old")
    with pytest.raises((ValueError, TypeError)):
        record.write(path, {"value": bad})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "record.json"
    path.write_text("old")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(record.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        record.write(path, {})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def broken(plan):
    yield {"value": 1}
    raise RuntimeError("the cable\n  is out")


def not_a_number(plan):
    yield {"value": math.nan}


def absent(plan):
    yield {"value": 1}
    raise Absent("nothing to see")


def test_a_section_that_raises_loses_only_its_rest(monkeypatch: pytest.MonkeyPatch):
    sections = {
        "one": broken,
        "two": not_a_number,
        "three": absent,
        "four": lambda plan: [{"a": 1}],
    }
    monkeypatch.setattr(record, "SECTIONS", sections)
    saved: list[str] = []
    told: list[str] = []
    found = record.record(
        "cpu", dry=True, save=lambda e: saved.append(json.dumps(e)), progress=told.append
    )
    one, two, three, four = found["sections"].values()
    assert one["failed"] == "RuntimeError: the cable is out" and one["rows"] == [{"value": 1}]
    assert two["failed"].startswith("ValueError: Out of range") and two["rows"] == []
    assert three["absent"] == "nothing to see" and three["rows"] == [{"value": 1}]
    assert four["rows"] == [{"a": 1}] and not four.keys() & {"failed", "absent"}
    # A line for each section, and for the two that raise a traceback in front of it.
    assert len(saved) == 5 and len(told) == 6
    assert sum(line.startswith("Traceback") for line in told) == 2
    after_one = json.loads(saved[1])["sections"]
    assert after_one["one"] == one and after_one["two"] == {"absent": "begun, and not finished"}
    assert after_one["three"] == {"absent": "not reached"}


def test_when_the_time_is_over_no_section_is_begun():
    found = record.record("cpu", dry=True, seconds=0)
    for name, section in found["sections"].items():
        assert section == {"absent": "the time for the record was over"}, name
    assert evidence.check(found) == []


def test_without_time_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch):
    found = record._section(compilation.rows, dry_plan("cpu"))
    assert [row["form"] for row in found["rows"]] == ["eager", "compiled"] * 4
    late = record.dataclasses.replace(dry_plan("cpu"), deadline=0.0)
    monkeypatch.setattr(compilation, "compiled", None)  # nothing asks for it
    found = record._section(compilation.rows, late)
    assert found["rows"] == []
    assert found["absent"].startswith("no time was left to compile gru.pytorch, gru.merged, gru.")


def test_when_the_time_is_over_nothing_more_is_timed():
    late = record.dataclasses.replace(dry_plan("cpu"), deadline=0.0)
    for section in (speed.design_rows, speed.library_rows):
        found = record._section(section, late)
        assert found["rows"] == [] and found["absent"] == "the time for the record was over"


@pytest.mark.parametrize("broken", ["gru.merged", "gru.pytorch"])
def test_a_cell_that_does_not_compile_loses_no_other(monkeypatch: pytest.MonkeyPatch, broken):
    compiler = compilation.compiled
    forbidden = generate(cell(broken), "torch").sequence

    def compile_(function, plan):
        if function is forbidden:
            raise RuntimeError("out of registers")
        return compiler(function, plan)

    monkeypatch.setattr(compilation, "compiled", compile_)
    found = record._section(compilation.rows, dry_plan("cpu"))
    assert found["failed"] == f"RuntimeError: {broken}: RuntimeError: out of registers"
    compiled = [row["cell"] for row in found["rows"] if row["form"] == "compiled"]
    assert compiled == [name for name in COMPILED if name != broken]
    assert list(RULES["compiled"](found["rows"])) == []


def test_what_compiles_to_something_else_is_not_timed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compilation, "FLOAT32_BOUND", -1.0)
    found = record._section(compilation.rows, dry_plan("cpu"))
    assert found["rows"] == [] and found["failed"].count("its outputs are off by") == 4


def test_a_compiler_that_is_not_there_fails_by_itself(monkeypatch: pytest.MonkeyPatch):
    def missing(function, plan):
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(compilation, "compiled", missing)
    found = record._section(compilation.rows, dry_plan("cpu"))
    assert found["rows"] == [] and found["failed"].count("no C compiler") == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tpu",), "device is 'tpu'; it must be cuda or cpu"),
    ],
)
def test_devices_that_cannot_be_recorded(arguments, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        record.record(*arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_cuda_one_sentence_says_so(tmp_path: Path):
    with pytest.raises(ValueError, match="torch sees no CUDA device here"):
        record.main_record(tmp_path / "record.json")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_file_and_says_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(record, "SECTIONS", {"counts": record.SECTIONS["counts"]})
    monkeypatch.setattr("gru_sym.gpu.provenance._commit", lambda: None)
    path = tmp_path / "record.json"
    report = record.main_record(path, "cpu", dry=True, command="a command", commit="0123")
    said = str(report)
    assert len(report.problems) == 9 and said.startswith("counts: 52 rows in ")
    assert "does not hold: the section accuracy is missing" in said
    assert said.endswith("checked by gru_sym.evidence.records: 9 rules do not hold")
    about = evidence.load(path)["provenance"]
    assert about["command"] == "a command" and about["commit"] == "0123"


def test_no_path_of_this_machine_is_recorded(dry):
    text = json.dumps(dry)
    assert str(Path.home()) not in text and str(Path(record.__file__).parents[2]) not in text


def test_provenance_where_there_is_neither_git_nor_nvidia_smi(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert provenance("cpu", True, None, None)["commit"] is None


@pytest.mark.parametrize("tf32", [False, True])
def test_switches_are_given_back(tf32: bool):
    before = [getattr(owner, name) for owner, name in SWITCHES]
    with arithmetic(tf32=tf32):
        assert [getattr(owner, name) for owner, name in SWITCHES] == [tf32, tf32, False, False]
    assert [getattr(owner, name) for owner, name in SWITCHES] == before


def test_a_switch_beside_them_is_left_alone():
    name = "allow_fp16_reduced_precision_reduction"
    setattr(MATMUL, name, (False, False))
    try:
        with arithmetic(tf32=True):
            assert getattr(MATMUL, f"{name}_split_k") is False
        assert (getattr(MATMUL, name), getattr(MATMUL, f"{name}_split_k")) == (False, False)
    finally:
        setattr(MATMUL, name, True)


def test_the_full_plan_reaches_4096_and_compiles_few_steps():
    plan = full_plan("cuda")
    assert max(shape.n for shape in plan.accuracy) == 4096
    assert plan.compiled.T <= 32
    assert ratio([[1.0]] * plan.blocks, [[1.0]] * plan.blocks).upper == 1  # enough for an interval
    assert full_plan("cpu").device == "cpu" and not full_plan("cpu").dry


def test_operations_are_counted_without_views():
    """Written out by hand for h' = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)."""
    x, w = torch.ones(3, 4), torch.ones(4, 4)
    assert started(lambda: x @ w.T) == {"mm": 1}
    assert started(lambda: torch.chunk(x, 2, dim=-1)) == {}
    # A product, a sum, a tanh.
    assert operations("rnn.pytorch").step == 3
    # Reset before and after start as many operations forward; a bias in the loop is one more.
    steps = {name: operations(name).step for name in DESIGNS}
    assert steps["gru.pytorch"] == steps["gru.merged"] == steps["gru.answer"]
    assert steps["gru.flux"] == steps["gru.pytorch"] - 1
    # The two pairs of biases are added once.
    assert operations("gru.pytorch").once == operations("gru.merged").once + 2


def test_who_computes_a_layer_is_heard_and_not_assumed(monkeypatch: pytest.MonkeyPatch):
    lstm, x = torch.nn.LSTM(4, 5).double(), torch.ones(3, 2, 4).double()
    assert maker(lstm, x) == "PyTorch"
    monkeypatch.setitem(MAKERS, "tanh", "somebody")
    assert maker(lstm, x) == "somebody"


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
def test_an_lstm_of_float32_on_the_cpu_is_onednns():
    assert maker(torch.nn.LSTM(4, 5), torch.ones(3, 2, 4)) == "oneDNN"
    assert maker(torch.nn.GRU(4, 5), torch.ones(3, 2, 4)) == "PyTorch"


def test_functions_are_timed_in_turn():
    called: list[str] = []
    functions = {name: lambda name=name: called.append(name) for name in "abc"}
    times = timing.take_turns(lambda: nullcontext(functions), dry_plan("cpu"))
    assert [[len(block) for block in found] for found in times.values()] == [[2, 2]] * 3
    # Two rounds to warm up and two that count, twice: each function once in every round.
    turns = ["".join(called[k : k + 3]) for k in range(0, len(called), 3)]
    assert len(turns) == 8 and all(sorted(turn) == ["a", "b", "c"] for turn in turns)
    assert len({*turns[2:4], *turns[6:8]}) > 1  # in an order that is drawn anew


def test_no_block_lies_in_the_memory_of_another():
    opened, places = [], set()

    @contextmanager
    def make():
        array = torch.zeros(1000)
        places.add(array.data_ptr())
        opened.append(True)
        yield {"a": array.sum}
        opened.pop()

    timing.take_turns(make, full_plan("cpu"))
    assert len(places) == full_plan("cpu").blocks and not opened


# cuDNN's bias modes, with the stand-in


def test_bias_modes_store_what_the_catalogue_says(stand_in):
    rows = list(bias_modes.parameter_rows(dry_plan("cpu")))
    json.dumps(rows, allow_nan=False)
    assert list(RULES["bias_parameters"](rows)) == []
    assert all(row["padding_bytes"] == 16 for row in rows)
    formulas = {(row["kind"], row["mode"]): row["formula"] for row in rows}
    assert [formulas["GRU", mode.name] for mode in BiasMode] == ["0", "3*n", "6*n", "3*n"]
    assert [formulas["LSTM", mode.name] for mode in BiasMode] == ["0", "4*n", "8*n", "4*n"]


def test_the_results_decide_which_cell_a_mode_is(stand_in):
    rows = list(bias_modes.result_rows(dry_plan("cpu")))
    json.dumps(rows, allow_nan=False)
    assert list(RULES["bias_results"](rows)) == []
    gru = [row for row in rows if row["kind"] == "GRU" and row["dtype"] == "float64"]
    same = {(row["mode"], row["cell"]): agrees(row) for row in gru}
    assert same == {
        ("NONE", "gru.pytorch without biases"): True,
        ("SINGLE_INP", "gru.flux"): True,
        ("SINGLE_INP", "gru.flux, b_n inside"): False,
        ("DOUBLE", "gru.pytorch"): True,
        ("SINGLE_REC", "gru.flux, b_n inside"): False,
        ("SINGLE_REC", "gru.flux"): True,
    }


def test_bias_modes_are_compared_to_double(stand_in):
    rows = list(bias_modes.speed_rows(dry_plan("cpu")))
    json.dumps(rows, allow_nan=False)
    assert list(RULES["bias_speed"](rows)) == []
    assert len(rows) == 2 * 2 * len(BiasMode)


# The whole of a GPU's record, with stand-ins for what only a GPU has


class Cuda(str):
    """A device that is the CPU for torch, and equal to "cuda" for whoever asks."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other == "cuda"

    def __ne__(self, other: object) -> bool:
        return other != "cuda"

    __hash__ = str.__hash__


class Space:
    """What `CudnnRnn` says of its weight space: the parameters, and 16 bytes more."""

    def __init__(self, kind, *, bias, input_size, hidden_size, dtype, **_):
        whole = cell({"RNN_TANH": "rnn.pytorch", **LAYERS}[kind])
        counted = whole if bias is BiasMode.DOUBLE else without_biases(whole)
        count = counted.count(m=input_size, n=hidden_size)
        self.weight_space_bytes = count * dtype.itemsize + 16

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Event:
    def __init__(self, enable_timing: bool):
        assert enable_timing

    def record(self) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, end: Event) -> float:
        return (end.time - self.time) * 1e3


@pytest.fixture
def of_a_gpu(monkeypatch: pytest.MonkeyPatch, stand_in) -> dict:
    """A full record by the code that runs on a GPU, in small."""
    plan = dataclasses.replace(dry_plan("cpu"), device=Cuda("cpu"), dry=False, blocks=6)
    about = SimpleNamespace(name="a stand-in", major=9, minor=0, total_memory=1)
    for target, replacement in {
        "gru_sym.gpu.record._plan": lambda device, dry: plan,
        "gru_sym.gpu.counts.CudnnRnn": Space,
        "gru_sym.gpu.timing.FIRST_SECONDS": 0.0,
        "gru_sym.gpu.timing.LATER_SECONDS": 0.0,
        "gru_sym.gpu.speed.captured": lambda function: function,
        "gru_sym.gpu.speed.maker": lambda layer, x: "cuDNN",
        "gru_sym.gpu.compilation.compiled": lambda function, plan: function,
        "gru_sym.gpu.provenance._commit": lambda: "0123456789" * 4,
        "gru_sym.gpu.provenance._driver": lambda: "580.00",
        "torch.cuda.Event": Event,
        "torch.cuda.synchronize": lambda: None,
        "torch.cuda.get_device_properties": lambda device: about,
        "torch.cuda.current_device": lambda: 0,
        "torch.version.cuda": "13.0",
        "torch.backends.cudnn.version": lambda: 91000,
    }.items():
        monkeypatch.setattr(target, replacement)
    return record.record("cuda", dry=False)


def test_the_code_of_a_gpu_makes_a_full_record(of_a_gpu, tmp_path: Path):
    for name, section in of_a_gpu["sections"].items():
        assert section["rows"] and not section.keys() & {"absent", "failed"}, (name, section)
    record.write(tmp_path / "gpu.json", of_a_gpu)
    assert evidence.check(evidence.load(tmp_path / "gpu.json")) == []
    assert evidence.latest(tmp_path, "cuda")["provenance"]["gpu"] == "a stand-in"
    spaces = [row["weight_space_padding_bytes"] for row in of_a_gpu["sections"]["counts"]["rows"]]
    assert set(spaces) == {16, None}


def test_every_table_of_the_page_shows_a_gpu(of_a_gpu):
    shown = [
        tables.provenance_table(of_a_gpu),
        tables.bias_parameter_table(of_a_gpu),
        tables.bias_result_table(of_a_gpu),
        time_tables.bias_speed_table(of_a_gpu),
        time_tables.bias_speed_table(of_a_gpu, "default"),
        tables.buffer_table(of_a_gpu),
        conclusion_table([of_a_gpu]),
        conclusion_table([of_a_gpu], "graphs"),
        time_tables.design_table(of_a_gpu, "graphs"),
        time_tables.library_table(of_a_gpu, "library_graphs"),
        time_tables.compiled_table(of_a_gpu),
        time_tables.compilation_table(of_a_gpu),
    ]
    assert all("not measured" not in str(table) and len(table.rows) > 2 for table in shown)
    assert "a stand-in, CUDA 13.0, cuDNN 91000" in tables.provenance_sentence(of_a_gpu)


# On a GPU


@on_gpu
@pytest.mark.filterwarnings("ignore")  # what a compiler warns of is no matter here
def test_a_small_record_of_a_gpu(tmp_path: Path):
    path = tmp_path / "record.json"
    record.main_record(path, "cuda", dry=True)
    found = evidence.load(path)
    assert evidence.check(found) == []
    for name, section in found["sections"].items():
        assert section["rows"] and not section.keys() & {"failed", "absent"}, (name, section)
    assert all(row["buffer_bytes"] for row in found["sections"]["counts"]["rows"])


@on_gpu
def test_a_graph_computes_what_its_code_does():
    x = torch.ones(4, device="cuda")
    replay = timing.captured(lambda: x * 2)
    assert timing.microseconds(replay, "cuda") > 0


@on_gpu
def test_a_shape_of_the_library_is_timed_in_every_form():
    shape, plan = Shape(3, 2, 4, 5), dry_plan("cuda")
    for form in ("eager", "graph"):
        with speed._beside_library("LSTM", form, FORWARD, shape, plan) as functions:
            assert list(functions) == ["library", form]


@on_gpu
def test_a_capture_that_fails_leaves_the_stream_as_it_was():
    before = torch.cuda.current_stream()
    with pytest.raises(RuntimeError):
        timing.captured(lambda: torch.ones(2, device="cuda").sum().cpu())
    assert torch.cuda.current_stream() == before


def test_an_error_that_is_no_number_is_not_lost():
    """Python's max forgets a NaN that does not stand first."""
    one = torch.ones(2)
    assert math.isnan(accuracy.largest_error({"a": one, "b": one * math.nan}, {"a": one, "b": one}))


def test_a_failure_is_told_without_paths(monkeypatch: pytest.MonkeyPatch):
    def broken(plan):
        raise RuntimeError("cannot open /some/where/deep.so, " + "x" * 900 + " the cause")
        yield

    found = record._section(broken, dry_plan("cpu"))
    assert "/some" not in found["failed"] and found["failed"].endswith("the cause")
    assert len(found["failed"]) < 600

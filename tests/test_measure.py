"""gru_sym/measure.py, timing.py and cudnn.py: the dry record on the CPU, and all of it on CUDA."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch

from gru_sym import cudnn, measure, provenance, timing
from gru_sym.__main__ import main
from gru_sym.codegen.routine import generate
from gru_sym.lookup import cell
from gru_sym.records import problems, read
from gru_sym.timing import Plan, maker, started, take_turns

PLAN = Plan("cpu")


@pytest.fixture(scope="module")
def dry(tmp_path_factory) -> Path:
    """What the command writes, on the CPU and in small; through a link."""
    folder = tmp_path_factory.mktemp("dry")
    (folder / "link.json").symlink_to("record.json")
    assert main(["gpu", "--record", str(folder / "link.json"), "--device", "cpu", "--dry"]) == 0
    assert (folder / "link.json").is_symlink()
    return folder / "record.json"


def test_a_dry_record_holds_what_a_cpu_can_say(dry):
    record = read(dry)
    assert list(problems(record)) == [] and record.dry
    assert set(record.absent) == set(measure.ON_CUDA)
    assert len(record.table("counts")) == 52 and len(record.table("errors")) == 32
    assert [row["name"] for row in record.table("times", of="designs", work="forward")] == [
        *measure.DESIGNS
    ]
    assert len(record.table("times")) == 18
    text = dry.read_text(encoding="utf-8")
    assert len(text.splitlines()) == len(record.rows) + 11  # a row on a line
    assert str(Path.home()) not in text and str(Path(measure.__file__).parents[1]) not in text
    assert [file.name for file in dry.parent.iterdir() if file.name.endswith("part")] == []


def test_an_error_of_the_generated_code_would_be_seen(monkeypatch):
    """`errors` with code of another cell: PyTorch's GRU with its update gate turned round."""
    wrong = cell("gru.pytorch").text.replace("(1 - z) * n + z * h", "z * n + (1 - z) * h")
    code = generate(type(cell("gru.pytorch"))(wrong), "torch")
    monkeypatch.setattr(timing, "generate", lambda of, library: code)
    row = next(measure.errors(PLAN))
    assert row["arithmetic"] == "float64" and row["library"] > 1e-2


def test_a_part_that_fails_loses_no_other(monkeypatch, tmp_path, capsys):
    def broken(plan):
        yield {"value": 1}
        raise RuntimeError("cannot open /some/where/deep.so,\n the cable is out")

    def no_number(plan):
        yield {"value": math.nan}

    parts = {"broken": broken, "no number": no_number, "counts": measure.counts}
    monkeypatch.setattr(measure, "ANYWHERE", parts)
    path = tmp_path / "a.json"
    assert main(["gpu", "--record", str(path), "--device", "cpu", "--dry"]) == 1
    record, said = read(path), capsys.readouterr()
    assert record.absent["broken"] == "it failed: RuntimeError"  # and no path of this machine
    assert "broken: it failed: RuntimeError" in said.out and "the cable is out" in said.err
    assert record.absent["no number"] == "it failed: ValueError"
    assert record.table("broken") == [{"table": "broken", "value": 1}]
    assert len(record.table("counts")) == 52


def test_only_a_regular_file_is_replaced(tmp_path, monkeypatch, capsys):
    """R4: with the name as it was given, and before anything is measured."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    Path("loop").symlink_to("loop")
    Path("to-fifo").symlink_to("fifo")
    Path("dangling").symlink_to("no/where")
    before = sorted(os.listdir())
    refused = {
        "": "the name of the record's file is empty",
        "/dev/null": "/dev/null is not a regular file",
        "fifo": "fifo is not a regular file",
        "to-fifo": "to-fifo is not a regular file",
        "loop": "loop is not a regular file",
        ".": ". is not a regular file",
        "no/a.json": "no/a.json lies in a folder that does not exist",
        "dangling": "dangling lies in a folder that does not exist",
    }
    for name, sentence in refused.items():
        assert main(["gpu", "--record", name, "--device", "cpu", "--dry"]) == 2
        said = capsys.readouterr()
        assert sentence in said.err and said.err.count("\n") == 1 and said.out == ""
    assert sorted(os.listdir()) == before and Path("/dev/null").is_char_device()


def test_a_write_that_fails_leaves_the_old_file(dry, tmp_path, monkeypatch):
    path = tmp_path / ("n" * 250)  # a name so long that nothing can be added to it
    provenance.write(path, read(dry))
    old = path.read_bytes()
    record = read(dry)
    record.rows.append({"table": "times", "value": math.nan})
    with pytest.raises(ValueError, match="Out of range"):
        provenance.write(path, record)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(provenance.os, "replace", full)
    with pytest.raises(ValueError, match=r"^\S*nnn cannot be written: No space left on device$"):
        provenance.write(path, read(dry))
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_the_commit_is_gits_and_no_other(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "_commit", lambda: "0123+changes")
        with pytest.raises(ValueError, match="git says that the commit is 0123"):
            measure.record("cpu", dry=True, commit="4567")
    monkeypatch.setenv("PATH", "")  # neither git nor nvidia-smi
    assert provenance._commit() is None


def test_functions_are_timed_in_turn_and_every_block_in_memory_of_its_own():
    called, places = [], set()

    def make():
        array = torch.zeros(1000)
        places.add(array.data_ptr())
        return {name: lambda name=name: (called.append(name), array.sum()) for name in "abc"}

    times = take_turns(make, "cpu", blocks=9, rounds=5)
    assert {len(blocks) for blocks in times.values()} == {9} and len(places) == 9
    turns = ["".join(called[k : k + 3]) for k in range(0, len(called), 3)]
    assert len(turns) == 9 * (2 + 5)  # two rounds to warm up
    assert {"".join(sorted(turn)) for turn in turns} == {"abc"} and len(set(turns)) > 3


def test_operations_are_counted_as_by_hand():
    """Of h' = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh): a product, a sum, a tanh in each step."""
    assert measure.operations("rnn.pytorch")[0] == 3
    steps = {name: measure.operations(name)[0] for name in measure.DESIGNS}
    assert steps["gru.pytorch"] == steps["gru.merged"] == steps["gru.answer"]
    assert steps["gru.flux"] == steps["gru.pytorch"] - 1  # a bias in the loop is one more
    once = [measure.operations(name)[1] for name in ("gru.pytorch", "gru.merged")]
    assert once[0] == once[1] + 2  # the two pairs of biases are added once
    x = torch.ones(3, 4)
    assert started(lambda: torch.chunk(x @ x.T, 2)) == {"mm": 1}


def test_who_computes_a_layer_is_heard_and_not_assumed(monkeypatch):
    lstm, x = torch.nn.LSTM(4, 5), torch.ones(3, 2, 4)
    if torch.backends.mkldnn.is_available():
        assert maker(lambda: lstm(x)) == "oneDNN"
    lstm, x = lstm.double(), x.double()
    assert maker(lambda: lstm(x)) == "PyTorch"
    monkeypatch.setitem(timing.MAKERS, "tanh", "somebody")
    assert maker(lambda: lstm(x)) == "somebody"


def test_switches_are_given_back():
    def switches():
        products = torch.backends.cuda.matmul
        reduced = products.allow_fp16_reduced_precision_reduction
        return torch.backends.cudnn.allow_tf32, products.allow_tf32, reduced

    before = switches()
    for tf32 in (False, True):
        with timing.arithmetic(tf32=tf32):
            assert switches() == (tf32, tf32, False)
    assert switches() == before


def test_an_error_that_is_no_number_is_not_lost():
    """Python's max forgets a NaN that does not stand first."""
    one = {"a": torch.ones(2), "b": torch.ones(2)}
    assert math.isnan(timing.largest_error({**one, "b": one["b"] * math.nan}, one, "ab"))


def test_a_single_bias_outside_the_reset_is_flux_and_inside_it_is_another_cell():
    """What cuDNN's modes are compared with, against the catalogue's own cell with 3n biases."""
    run = measure.design("gru.flux", (4, 3, 5, 7))
    double = {key: tensor.double() for key, tensor in run.inputs.items()}
    flux = {name: tensor.detach().double() for name, tensor in run.leaves.items()}
    expected = timing.generated("gru.flux", flux, double).forward()
    stored = {name.replace("b_", "b_i"): tensor for name, tensor in flux.items()}
    found = {
        where: timing.generated("gru.pytorch", whole, double).forward()
        for where, whole in cudnn.readings("GRU", stored).items()
    }
    torch.testing.assert_close(found["outside the reset"], expected, rtol=0, atol=1e-14)
    assert (found["inside the reset"] - expected).abs().max() > 1e-3
    assert [*cudnn.readings("LSTM", stored)] == ["as stored"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_cuda_one_sentence_says_so():
    with pytest.raises(ValueError, match="PyTorch sees no CUDA device here"):
        measure.record("cuda")
    with pytest.raises(cudnn.CudnnError, match="no cuDNN was found"):
        next(cudnn.mode_counts(PLAN))


# On CUDA: what no CPU can say


@pytest.mark.cuda
@pytest.mark.filterwarnings("ignore")  # what a driver warns of is no matter here
def test_a_dry_record_of_a_gpu_is_whole_and_holds(tmp_path):
    path = tmp_path / "gpu.json"
    assert main(["gpu", "--record", str(path), "--dry"]) == 0
    assert read(path).absent == {} and list(problems(read(path))) == []


@pytest.mark.cuda
def test_a_graph_computes_what_its_code_does_and_a_failed_capture_leaves_the_stream():
    x, before = torch.ones(4, device="cuda"), torch.cuda.current_stream()
    assert timing.microseconds(timing.captured(lambda: x * 2), "cuda") > 0
    with pytest.raises(RuntimeError):
        timing.captured(lambda: torch.ones(2, device="cuda").sum().cpu())
    assert torch.cuda.current_stream() == before

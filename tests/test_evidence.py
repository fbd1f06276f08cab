"""Recorded evidence is good evidence, and every rule of `check` is seen to fail."""

from __future__ import annotations

import copy
import math
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gru_sym import evidence as rooms
from gru_sym.evidence import tables, time_tables
from gru_sym.evidence.bias_modes import GATES, BiasMode
from gru_sym.evidence.conclusions import conclusion_table, longer_by
from gru_sym.evidence.mode_cells import KINDS, cells_of
from gru_sym.evidence.plan import DESIGNS, dry_plan
from gru_sym.evidence.records import check, full_records, latest, load, recorded
from gru_sym.evidence.times import ratio
from gru_sym.gpu import provenance
from gru_sym.gpu import record as module
from gru_sym.gpu.record import record, write
from gru_sym.render import Table

EVIDENCE = Path(__file__).resolve().parents[1] / "book" / "evidence"
COMMIT = "0123456789" * 4
SHAPE = {"T": 3, "B": 2, "m": 4, "n": 7}
TABLES: list[Callable[[dict], Table]] = [
    tables.provenance_table,
    tables.count_table,
    tables.buffer_table,
    tables.accuracy_table,
    lambda evidence: tables.accuracy_table(evidence, "gradients"),
    tables.bias_parameter_table,
    tables.bias_result_table,
    time_tables.bias_speed_table,
    time_tables.design_table,
    lambda evidence: time_tables.design_table(evidence, work="forward and backward"),
    lambda evidence: time_tables.design_table(evidence, "graphs"),
    time_tables.library_table,
    lambda evidence: time_tables.library_table(evidence, work="forward and backward"),
    lambda evidence: time_tables.library_table(evidence, "library_graphs"),
    time_tables.compiled_table,
    time_tables.compilation_table,
]


@pytest.fixture(scope="module")
def good() -> dict:
    """A dry record, and for the sections of cuDNN rows that are made up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "dry_plan", lambda device: replace(dry_plan(device), blocks=6))
        patch.setattr(provenance, "_commit", lambda: COMMIT)
        evidence = record("cpu", dry=True)
    sections = evidence["sections"]
    modes = [(kind, mode) for kind in KINDS for mode in BiasMode]
    sections["bias_parameters"] = {"rows": [made_up_parameters(*pair) for pair in modes]}
    sections["bias_results"] = {
        "rows": [row for pair in modes for row in made_up_results(*pair)],
    }
    sections["bias_speed"] = {
        "rows": [
            {
                "kind": kind,
                "mode": mode.name,
                "math": math,
                **SHAPE,
                "times_us": made_up_times(mode),
            }
            for math in ("fma", "default")
            for kind, mode in modes
        ]
    }
    return evidence


def made_up_parameters(kind: str, mode: BiasMode) -> dict:
    cell = cells_of(kind, mode)[0]
    count = cell.count(m=4, n=7)
    return {
        "kind": kind,
        "mode": mode.name,
        "m": 4,
        "n": 7,
        "formula": str(cell.biases()),
        "derived": GATES[kind] * mode.vectors * 7,
        "biases": GATES[kind] * mode.vectors * 7,
        "count_formula": str(cell.count()),
        "count": count,
        "itemsize": 4,
        "weight_space_bytes": 4 * count + 8,
        "padding_bytes": 8,
    }


def made_up_results(kind: str, mode: BiasMode) -> list[dict]:
    about = {"kind": kind, "mode": mode.name, **SHAPE}
    return [
        {**about, "cell": cell.name, "dtype": dtype, "error": error}
        for dtype in ("float64", "float32")
        for cell, error in zip(cells_of(kind, mode), (1e-16, 0.1), strict=False)
    ]


def made_up_times(mode: BiasMode) -> list[list[float]]:
    return [[time + mode] for time in (9.0, 10.0, 11.0, 9.5, 10.5, 10.0, 10.0)]


def test_there_are_records():
    assert len(recorded(EVIDENCE)) >= 2


def files() -> list:
    return [pytest.param(path, id=path.name) for path in recorded(EVIDENCE)]


@pytest.mark.parametrize("path", files() or [pytest.param(None, id="nothing recorded yet")])
def test_recorded_evidence_is_good(path: Path | None):
    if path is not None:
        assert check(load(path)) == []


def test_good_evidence_breaks_no_rule(good):
    assert check(good) == []


def change(section: str, index: int, key: str, value: object) -> Callable[[dict], None]:
    def tamper(evidence: dict) -> None:
        row = evidence["sections"][section]["rows"][index]
        row[key] = value(row) if callable(value) else value

    return tamper


def put(*path: str, value: object) -> Callable[[dict], None]:
    def tamper(evidence: dict) -> None:
        for key in path[:-1]:
            evidence = evidence[key]
        evidence[path[-1]] = value

    return tamper


def leave_out(*path: str | int) -> Callable[[dict], None]:
    def tamper(evidence: dict) -> None:
        for key in path[:-1]:
            evidence = evidence[key]
        del evidence[path[-1]]

    return tamper


def twice(evidence: dict) -> None:
    rows = evidence["sections"]["designs"]["rows"]
    rows.append(rows[0])


def buffer_too_small(evidence: dict) -> None:
    row = evidence["sections"]["counts"]["rows"][0]
    row["buffer_bytes"], row["buffer_padding_bytes"] = 4 * row["numel"] - 4, -4


def more(key: str) -> Callable[[dict], object]:
    return lambda row: row[key] + 1


TAMPERED = {
    "schema": (put("schema", value=2), "the schema is 2; it must be 1"),
    "no provenance": (leave_out("provenance"), "the evidence: provenance is missing"),
    "no sections": (put("sections", value=[]), r"the evidence: sections is \[\]; it must be dict"),
    "no commit": (leave_out("provenance", "commit"), "provenance: commit is missing"),
    "no torch": (leave_out("provenance", "versions", "torch"), "versions: torch is missing"),
    "dry": (put("provenance", "dry", value=1), "provenance: dry is 1; it must be bool"),
    "a key more": (put("provenance", "host", value="a"), "provenance: host is not a key"),
    "a section less": (leave_out("sections", "counts"), "the section counts is missing"),
    "a section more": (put("sections", "other", value={}), "the section other is unknown"),
    "no section": (put("sections", "counts", value=3), "counts: it must be an object"),
    "neither rows nor reason": (
        put("sections", "counts", value={"rows": []}),
        "counts: it has neither rows nor a reason",
    ),
    "an empty reason": (
        put("sections", "counts", value={"failed": ""}),
        "counts: the reason why it is absent or has failed is empty",
    ),
    "a reason that is none": (
        put("sections", "counts", value={"absent": None}),
        "counts: absent is None; it must be str",
    ),
    "a word more": (
        put("sections", "counts", "note", value="fine"),
        "counts: note is not a key of this schema",
    ),
    "row": (put("sections", "counts", "rows", value=[1]), "counts, row 0: it must be an object"),
    "a key less": (leave_out("sections", "counts", "rows", 0, "m"), "counts, row 0: m is missing"),
    "flag for number": (change("counts", 0, "m", True), "row 0: m is True; it must be int"),
    "NaN": (change("accuracy", 0, "library_error", math.nan), "row 0: library_error is nan"),
    "infinite": (change("accuracy", 1, "difference", math.inf), "row 1: difference is inf"),
    "numel": (change("counts", 0, "numel", more("numel")), "numel is 13; derived now is 12"),
    "derived": (change("counts", 0, "derived", 11), "derived is 11; derived now is 12"),
    "formula": (change("counts", 0, "formula", "3*m"), r"the formula is 3\*m; derived is 3\*m\*n"),
    "cell": (change("counts", 0, "cell", "gru.mine"), "there is no cell gru.mine"),
    "no layers": (change("counts", 0, "layers", 0), "num_layers must be a positive integer"),
    "padding": (change("counts", 0, "buffer_padding_bytes", 4), "the padding is 4 bytes"),
    "no padding": (change("counts", 0, "buffer_bytes", 48), "buffer less parameters is 0"),
    "buffer": (buffer_too_small, "do not fit into the buffer, 4 bytes are missing"),
    "weight space": (change("counts", 0, "weight_space_bytes", 50), "weight_space: the padding"),
    "generated": (change("accuracy", 9, "generated_error", 0.1), "generated_error is 1.00e-01, ab"),
    "difference": (change("accuracy", 0, "difference", 2e-12), "is 2.00e-12, above 1e-12"),
    "gradients": (change("accuracy", 1, "difference", 1e-11), "what = gradients: difference is"),
    "negative": (change("accuracy", 0, "library_error", -1e-20), "an error is negative"),
    "dtype": (change("accuracy", 0, "dtype", "int8"), "no bound is stated for int8"),
    "biases": (change("bias_parameters", 1, "biases", 20), "biases is 20; derived now is 21"),
    "bias formula": (change("bias_parameters", 1, "formula", "4*n"), r"formula is 4\*n; derived"),
    "bias count": (change("bias_parameters", 2, "count", 1), "count is 1; derived now is 273"),
    "bias padding": (change("bias_parameters", 2, "padding_bytes", 0), "the padding is 0 bytes"),
    "bias mode": (change("bias_parameters", 2, "mode", "TRIPLE"), "no bias mode TRIPLE"),
    "bias kind": (change("bias_results", 2, "kind", "MGU"), "there is no kind MGU"),
    "bias cell": (change("bias_results", 0, "cell", "gru.flux"), "is none that the mode may be"),
    "bias dtype": (change("bias_results", 0, "dtype", "int8"), "no bound is stated for int8"),
    "bias result": (change("bias_results", 0, "error", 1e-3), "no cell agrees with cuDNN through"),
    "bias error": (change("bias_results", 0, "error", -1.0), "an error is negative"),
    "no DOUBLE": (leave_out("sections", "bias_speed", "rows", 2), "there is no row of DOUBLE"),
    "no times": (change("designs", 1, "times_us", 3.0), "times_us is 3.0; it must be list"),
    "a time of 0": (change("library", 1, "times_us", [[0.0] * 3]), "library: .*blocks of positive"),
    "a time of NaN": (change("library", 1, "times_us", [[math.nan]]), "not blocks of positive"),
    "a time is true": (change("library", 1, "times_us", [[True] * 3]), "not blocks of positive"),
    "no block": (change("library", 1, "times_us", [1.0, 2.0]), "not blocks of positive numbers"),
    "an empty block": (change("library", 1, "times_us", [[1.0], []]), "not blocks of positive"),
    "one time": (change("designs", 0, "times_us", [[1.0]]), "designs: .*: 1 times are too few"),
    "a round less": (
        change("designs", 1, "times_us", [[1.0], [1.0]]),
        r"it has \[1, 1\] times in its blocks, and gru.pytorch has \[2, 2, 2, 2, 2, 2\]",
    ),
    "compiled cell": (change("compiled", 1, "cell", "gru.mine"), "none of what is compiled"),
    "seconds": (change("compiled", 1, "compile_seconds", -1.0), "that are not negative"),
    "no seconds": (change("compiled", 1, "compile_seconds", None), "that are not negative"),
    "seconds of eager": (change("compiled", 0, "compile_seconds", 1.0), "of compiled code only"),
    "another result": (change("compiled", 1, "difference", 2e-5), "is 2.00e-05, above 1e-05"),
    "not in turn": (leave_out("sections", "compiled", "rows", 2), "there is no row of eager"),
    "TF32 of float64": (change("accuracy", 0, "tf32", True), "TF32 is an arithmetic of float32"),
    "library error": (
        change("accuracy", 8, "library_error", 1e-5), "library_error is 1.00e-05, above 7.63e-06"
    ),
    "twice": (twice, "designs: two rows are of the same thing"),
}  # fmt: skip


@pytest.mark.parametrize(("tamper", "sentence"), TAMPERED.values(), ids=TAMPERED)
def test_every_rule_is_seen_to_fail(good, tamper: Callable[[dict], None], sentence: str):
    evidence = copy.deepcopy(good)
    tamper(evidence)
    problems = check(evidence)
    assert any(re.search(sentence, problem) for problem in problems), problems
    assert all("\n" not in problem for problem in problems)


def test_a_section_that_failed_is_no_broken_rule(good):
    evidence = copy.deepcopy(good)
    evidence["sections"]["designs"] = {"failed": "RuntimeError: out of memory"}
    del evidence["sections"]["accuracy"]["rows"][3:]
    evidence["sections"]["accuracy"]["failed"] = "RuntimeError: out of memory"
    assert check(evidence) == []
    assert "out of memory" in str(time_tables.design_table(evidence))
    assert "float64" in str(tables.accuracy_table(evidence))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "bad.json is not JSON: "),
        ('{"schema": NaN}', "bad.json is not JSON: NaN is no number of JSON"),
        ("[" * 100_000, "bad.json is not JSON: "),
        ("[]", "bad.json is not evidence of schema 1"),
        ('{"schema": 2}', "bad.json is not evidence of schema 1"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_utf_8_is_refused(tmp_path: Path):
    path = tmp_path / "bad.json"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"^bad\.json is not JSON: "):
        load(path)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path):
    assert recorded(tmp_path / "evidence") == []


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_narrow_and_read_back(good, table: Callable[[dict], Table], tmp_path: Path):
    write(tmp_path / "good.json", good)
    found = table(load(tmp_path / "good.json"))
    assert found.rows and len(found.headers) <= 6
    assert all(len(row) == len(found.headers) for row in found.rows)
    assert "nan" not in str(found) and "None" not in str(found)
    assert found._repr_markdown_().count("\n") == len(found.rows) + 1


def test_tables_show_the_recorded_numbers(good):
    assert "21" not in str(tables.bias_parameter_table(good))  # the formula, not one size
    speed = str(time_tables.bias_speed_table(good))
    assert "0.833 (0.818 to 0.846)" in speed and "12.0 µs (11.8 to 12.2)" in speed
    results = str(tables.bias_result_table(good)).splitlines()
    inside = next(line for line in results if "SINGLE_REC" in line and "inside" in line)
    assert inside.split()[-1] == "yes" and "1.0e-16" in inside
    assert "PyTorch" in tables.provenance_sentence(good)
    assert "as a dry run" in tables.provenance_sentence(good)


def test_reading_evidence_needs_no_torch():
    names = [f"gru_sym.evidence.{found.name}" for found in pkgutil.iter_modules(rooms.__path__)]
    assert len(names) > 8
    code = f"import sys, {', '.join(names)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_latest_is_the_newest_full_record(good, tmp_path):
    """By its own date, not by its name; a dry run is no evidence; each device has its own."""
    for name, date, made_up in (
        ("b", "2026-01-02T00:00:00+00:00", full(good)),
        ("a", "2026-01-03T00:00:00+00:00", full(good)),
        ("c", "2027-01-01T00:00:00+00:00", good),
        ("d", "2028-01-01T00:00:00+00:00", of_a_cpu(good)),
    ):
        evidence = copy.deepcopy(made_up)
        evidence["provenance"]["date"] = date
        write(tmp_path / f"{name}.json", evidence)
    assert latest(tmp_path, "cuda")["provenance"]["date"][:10] == "2026-01-03"
    assert latest(tmp_path, "cpu")["provenance"]["date"][:10] == "2028-01-01"


@pytest.mark.parametrize("table", TABLES)
def test_without_a_record_every_table_says_so(table, tmp_path):
    nothing = latest(tmp_path, "cuda")
    told = str(table(nothing)).split("\n")
    assert told == ["not measured yet", "there is no record of such a machine"]
    assert tables.provenance_sentence(nothing).startswith("Not measured yet")


def test_tables_stand_together_or_not_at_all(good, tmp_path):
    both = {
        "What is stored:": tables.count_table(good),
        "How far off:": tables.accuracy_table(good),
    }
    shown = tables.together(good, both)
    assert repr(shown).startswith("What is stored:\nlayer  biases")
    assert "\n\nHow far off:\n\n| layer | arithmetic |" in shown._repr_markdown_()
    assert "What is stored:" not in str(tables.together(latest(tmp_path, "cuda"), both))


def test_code_that_has_changed_since_is_told(good):
    assert "since changed" not in tables.provenance_sentence(good)
    older = copy.deepcopy(good)
    older["provenance"]["generated_code"] = "0" * 16
    assert tables.provenance_sentence(older).endswith("of generated code that has since changed.")


def test_a_question_is_a_quotient_of_two_cells_that_were_timed(good):
    rows = {row[0]: row for row in time_tables.design_table(good).rows}
    assert rows["its time"][1] == "gru.pytorch" and "µs" in rows["its time"][2]
    assert rows["reset before, not after"][1] == "gru.dey_salem / gru.flux"
    times = {row["cell"]: row["times_us"] for row in good["sections"]["designs"]["rows"]
             if row["work"] == "forward"}  # fmt: skip
    found = ratio(times["gru.dey_salem"], times["gru.flux"])
    told = f"{found.median:.3f} ({found.lower:.3f} to {found.upper:.3f})"
    assert rows["reset before, not after"][2] == told


def made_up_designs(**factors: float) -> dict:
    """Evidence in which a cell takes so many times as long as the others, in two cases."""
    rows = [
        {"cell": name, "form": "eager", "work": work, "tf32": False, **SHAPE}
        | {"times_us": [[100.0 * factors.get(name.removeprefix("gru."), 1.0)]] * 6}
        for name in DESIGNS
        for work in ("forward", "forward and backward")
    ]
    about = {"gpu": None, "date": "2026-01-01T00:00"}
    return {"provenance": about, "sections": {"designs": {"rows": rows}}}


def test_a_difference_is_believed_if_it_is_larger_than_the_controls():
    slow = made_up_designs(answer=1.1, dey_salem=1.1, pytorch=1.02, merged=1.02)
    table = {row[0]: row[3:] for row in conclusion_table([slow]).rows}
    assert table["reset before, not after"] == ("1.10",)
    assert table["all second biases of PyTorch"] == ("1.02",)
    # The same with a control that is off by three per cent: two per cent are nothing then.
    noisy = made_up_designs(answer=1.133, dey_salem=1.1, pytorch=1.02, merged=1.02)
    table = {row[0]: row[3:] for row in conclusion_table([noisy]).rows}
    assert table["reset before, not after"] == ("1.10",)
    assert table["all second biases of PyTorch"] == ("not told apart",)
    assert longer_by([slow], "all second biases of PyTorch") == 2
    assert longer_by([slow, noisy], "all second biases of PyTorch") == 0


def test_a_difference_is_believed_if_every_record_shows_it():
    one, other = made_up_designs(dey_salem=1.1, answer=1.1), made_up_designs()
    assert conclusion_table([one, one]).rows[-1][3] == "1.10"
    assert conclusion_table([one, other]).rows[-1][3] == "not told apart"
    faster = made_up_designs(dey_salem=1.2, answer=1.2)
    assert conclusion_table([one, faster]).rows[-1][3] == "1.10 to 1.20"
    assert longer_by([one, faster], "reset before, not after") == 20


def test_records_that_contradict_each_other_are_not_believed():
    one, other = (
        made_up_designs(dey_salem=1.1, answer=1.1),
        made_up_designs(dey_salem=0.9, answer=0.9),
    )
    assert conclusion_table([one, other]).rows[-1][3] == "not told apart"
    assert longer_by([one, other], "reset before, not after") == 0
    assert conclusion_table([other]).rows[-1][3] == "0.90"
    assert longer_by([other], "reset before, not after") == 0


def test_what_moves_between_records_is_noise():
    one = made_up_designs(dey_salem=1.1, answer=1.1, pytorch=1.03, merged=1.03)
    other = made_up_designs(dey_salem=1.15, answer=1.15, pytorch=1.03, merged=1.03)
    table = {row[0]: row[3] for row in conclusion_table([one, other]).rows}
    assert table["reset before, not after"] == "1.10 to 1.15"
    assert table["all second biases of PyTorch"] == "not told apart"


def test_a_record_without_a_section_takes_nothing_from_the_others():
    one = made_up_designs(dey_salem=1.1, answer=1.1)
    graphs = {**one, "sections": {"graphs": one["sections"]["designs"]}}
    bare = {**one, "sections": {"graphs": {"absent": "no time"}}}
    assert conclusion_table([bare, graphs], "graphs").rows[-1][3] == "1.10"
    assert conclusion_table([bare], "graphs").rows == [("no time",)]


def test_records_of_another_machine_or_code_are_not_compared(good, tmp_path):
    for name, date, changed in (
        ("a", "2026-01-01", {}),
        ("b", "2026-01-02", {"processor": "another"}),
        ("c", "2026-01-03", {"generated_code": "f" * 16}),
        ("d", "2026-01-04", {}),
    ):
        evidence = of_a_cpu(good)
        evidence["provenance"] |= {"date": f"{date}T00:00:00+00:00", **changed}
        write(tmp_path / f"{name}.json", evidence)
    days = [e["provenance"]["date"][8:10] for e in full_records(tmp_path, "cpu")]
    assert days == ["01", "04"]


def test_without_records_nothing_is_believed():
    assert conclusion_table([]).headers == ("not measured yet",)
    assert longer_by([], "reset before, not after") == 0


def full(good: dict) -> dict:
    """The same as if it were a full record of a GPU."""
    evidence = copy.deepcopy(good)
    names = dict.fromkeys(("gpu", "driver", "cuda"), "made up")
    evidence["provenance"] |= {"dry": False, "device": "cuda", "cudnn": 90000, **names}
    sections = evidence["sections"]
    rows = sections["accuracy"]["rows"]
    rows += [{**row, "tf32": True} for row in rows if row["dtype"] == "float32"]
    for row in sections["library"]["rows"]:
        row["library"] = "cuDNN"
    for name, form in (("designs", "graphs"), ("library", "library_graphs")):
        forward = [r for r in sections[name]["rows"] if r["work"] == "forward"]
        told = [{**r, "form": "graph" if r["form"] == "eager" else r["form"]} for r in forward]
        sections[form] = {"rows": told}
    return evidence


def of_a_cpu(good: dict) -> dict:
    """The same as if it were a full record of a CPU."""
    evidence = copy.deepcopy(good)
    evidence["provenance"]["dry"] = False
    for name in ("bias_parameters", "bias_results", "bias_speed"):
        evidence["sections"][name] = {"absent": "no cuDNN"}
    return evidence


def test_a_full_record_is_accepted(good):
    assert check(full(good)) == []
    assert check(of_a_cpu(good)) == []


def test_a_gpu_without_bias_modes_is_no_full_record(good):
    evidence = full(good)
    evidence["sections"]["bias_speed"] = {"absent": "no cuDNN"}
    assert check(evidence) == ["bias_speed: a full record has this section whole"]


def test_a_full_record_is_of_a_commit_and_of_a_device_that_is_known(good):
    evidence = of_a_cpu(good)
    evidence["provenance"]["commit"] = "0123abc+changes"
    assert "the sources differ from their commit" in check(evidence)[0]
    evidence["provenance"]["device"] = "tpu"
    assert "provenance: device is tpu; it must be cuda or cpu" in check(evidence)


def test_the_record_of_a_cpu_names_no_gpu(good):
    evidence = of_a_cpu(good)
    evidence["provenance"]["gpu"] = "H100"
    assert check(evidence) == ["provenance: a record of a CPU names no GPU"]
    evidence["provenance"]["gpu"] = None
    for row in evidence["sections"]["library"]["rows"]:
        row["library"] = "cuDNN"
    assert check(evidence) == ["library: cuDNN is no library of cpu"]
    evidence = of_a_cpu(good)
    evidence["sections"]["bias_speed"] = good["sections"]["bias_speed"]
    assert "bias_speed: a CPU has no such section" in check(evidence)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("commit", "HEAD", "commit is 'HEAD'; a full record gives all 40 digits"),
        ("date", "20260102", "date is '20260102'"),
        ("date", "2026-11-24", "date is '2026-11-24'"),
        ("seeds", {}, "the seeds are {}"),
        ("generated_code", "", "generated_code is ''"),
    ],
)
def test_the_provenance_of_a_full_record_is_exact(good, key, value, sentence):
    evidence = of_a_cpu(good)
    evidence["provenance"][key] = value
    assert sentence in check(evidence)[0]


def test_a_mode_is_one_cell_at_every_size(good):
    evidence = full(good)
    rows = [r for r in evidence["sections"]["bias_results"]["rows"] if r["mode"] == "SINGLE_INP"]
    gru = [row for row in rows if row["kind"] == "GRU" and row["dtype"] == "float32"]
    for row in gru:
        row["error"] = 0.1 if row["error"] < 0.1 else 1e-16  # another cell than in float64
    assert "mode = SINGLE_INP: no cell agrees with cuDNN throughout" in check(evidence)[0]


@pytest.mark.parametrize(
    "section",
    [
        *("accuracy", "counts", "bias_parameters", "bias_results", "bias_speed"),
        *("designs", "library", "graphs", "library_graphs"),
    ],
)
def test_a_full_record_has_every_row_once(good, section):
    for change_ in (lambda rows: rows.pop(3), lambda rows: rows.append(rows[3])):
        evidence = full(good)
        change_(evidence["sections"][section]["rows"])
        found = check(evidence)
        assert found and all(problem.startswith(f"{section}: ") for problem in found)


def test_a_full_record_has_enough_blocks(good):
    evidence = of_a_cpu(good)
    for row in evidence["sections"]["library"]["rows"]:
        del row["times_us"][5:]
    assert check(evidence) == ["library: 5 blocks are too few for a full record"]


def test_what_is_timed_in_an_unknown_form_is_refused(good):
    evidence = of_a_cpu(good)
    for row in evidence["sections"]["designs"]["rows"]:
        row["form"] = "banana"
    assert any("no row, or no second one, of cell = gru.pytorch" in p for p in check(evidence))


def test_a_full_record_that_could_not_be_one_is_not_begun(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "SECTIONS", {})
    monkeypatch.setattr(provenance, "_commit", lambda: "0123abc+changes")
    with pytest.raises(ValueError, match="the sources differ from their commit"):
        module.main_record(tmp_path / "a.json", "cpu")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(provenance, "_commit", lambda: None)
    with pytest.raises(ValueError, match="commit is not known; a full record names it"):
        module.main_record(tmp_path / "a.json", "cpu")
    monkeypatch.setattr(provenance, "_commit", lambda: "0123abc")
    with pytest.raises(ValueError, match="git says that the commit is 0123abc, not 4567"):
        module.main_record(tmp_path / "a.json", "cpu", dry=True, commit="4567")


@pytest.mark.parametrize("key", ["commit", "gpu", "driver", "cuda", "cudnn"])
def test_a_full_record_says_where_it_is_from(good, key):
    evidence = full(good)
    evidence["provenance"][key] = None
    assert check(evidence) == [f"provenance: {key} is not known; a full record names it"]
    evidence["provenance"][key] = 0 if key == "cudnn" else ""
    assert check(evidence) == [f"provenance: {key} is not known; a full record names it"]


@pytest.mark.parametrize("section", [{"failed": "RuntimeError: x"}, {"absent": "no time"}])
def test_a_full_record_has_every_section_whole(good, section):
    evidence = full(good)
    evidence["sections"]["accuracy"] = section
    assert check(evidence) == ["accuracy: a full record has this section whole"]


def test_a_broken_record_does_not_replace_a_good_one(good, tmp_path):
    for name, date in (
        ("good", "2026-01-02T00:00:00+00:00"),
        ("broken", "2026-01-03T00:00:00+00:00"),
    ):
        evidence = full(good)
        evidence["provenance"]["date"] = date
        if name == "broken":
            evidence["sections"]["accuracy"] = {"failed": "RuntimeError: x"}
        write(tmp_path / f"{name}.json", evidence)
    assert latest(tmp_path, "cuda")["provenance"]["date"][:10] == "2026-01-02"

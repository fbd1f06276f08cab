"""The command line as a process: its streams, Ctrl-C, and what an installation holds.

Every command runs with Python's own buffering and without: the answer must not depend on it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from gru_sym.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
MODULE = f"{sys.executable} -m gru_sym"
SCRIPT = "import sys; from gru_sym.cli.main import as_script; sys.exit(as_script())"


def environment(unbuffered: bool = False, *first: Path) -> dict[str, str]:
    """What a process sees: this copy of the package, and Python's buffering or none."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    kept["PYTHONPATH"] = os.pathsep.join(map(str, [*first, ROOT]))
    return kept | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {})


def shell(command: str, unbuffered: bool = False) -> tuple[int, str, str]:
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env=environment(unbuffered),
    )
    return done.returncode, done.stdout, done.stderr


CLOSED = "gru_sym: the answer cannot be written: Bad file descriptor\n"
FULL = "gru_sym: the answer cannot be written: No space left on device\n"
UNREADABLE = "gru_sym: standard input cannot be read: Bad file descriptor\n"
STREAMS = {
    # what is run: its exit status, whether it answers on stdout, what it says on stderr
    "count rnn.elman 2>&-": (0, True, ""),
    "count rnn.elman >&-": (2, False, CLOSED),
    "--help >&-": (2, False, CLOSED),
    "count rnn.elman >&- 2>&-": (2, False, ""),
    "count nosuch 2>&-": (2, False, ""),
    "count -m 2>&-": (2, False, ""),
    "count - <&-": (2, False, "gru_sym: standard input is closed\n"),
    "count - 0>/dev/null": (2, False, UNREADABLE),
    "list >/dev/full": (2, False, FULL),
    "--help >/dev/full": (2, False, FULL),
    "count --help >/dev/full": (2, False, FULL),
    "list >/dev/full 2>&1": (2, False, ""),
    "count nosuch 2>/dev/full": (2, False, ""),
}  # fmt: skip


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("words", STREAMS)
def test_a_stream_that_is_closed_or_full(words, unbuffered):
    if "/dev/full" in words and not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    status, answers, said = STREAMS[words]
    code, out, err = shell(f"{MODULE} {words}", unbuffered)
    assert (code, err) == (status, said)
    assert out == ("m*n + n**2 + n\n" if answers else "")


@pytest.mark.parametrize("unbuffered", [False, True], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    ("words", "stream", "status"),
    [(["list"], "stdout", 0), (["--help"], "stdout", 0), (["count", "nosuch"], "stderr", 2)],
)
def test_a_reader_that_has_gone_away_is_no_error(words, stream, status, unbuffered):
    """Its exit status is what it would have been, and nothing else is said, as for `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writer}
    done = subprocess.run(
        [sys.executable, "-m", "gru_sym", *words], **streams, env=environment(unbuffered)
    )
    os.close(writer)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (status, b"", b"")


def test_the_name_of_the_program_is_the_one_it_was_called_by():
    code, out, err = shell(f"{MODULE} count --help")
    assert (code, err) == (0, "") and out.startswith("usage: python -m gru_sym count ")
    code, out, err = shell(f"{sys.executable} -c '{SCRIPT}' count --help")
    assert (code, err) == (0, "") and out.startswith("usage: gru-sym count ")
    code, out, err = shell(f"{sys.executable} -c '{SCRIPT}' count nosuch")
    assert (code, out) == (2, "") and err.startswith("gru-sym: there is no cell nosuch")


# ---------------------------------------------------------------------------------------- Ctrl-C

PADDING = b"# a comment that fills the pipe\n" * 4_000  # twice what a pipe holds


def interrupted(*words: str, stdin: bool = False, first: Path | None = None, ready=None):
    """Run; once it reads, interrupt it, again if need be; say how it ended.

    Again, since Python looks for signals when a read is interrupted, not between two reads.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "gru_sym", *words],
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(False, *([first] if first else [])),
    )
    if ready:
        ready(process)
    for _ in range(60):
        if ready and process.poll() is None:
            process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
            break
    process.kill()
    out, err = process.stdout.read(), process.stderr.read()
    for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
        stream.close()
    return process.wait(), out, err


def test_ctrl_c_while_it_waits_for_standard_input():
    def ready(process):
        process.stdin.write(PADDING)  # returns when some of it has been read
        process.stdin.flush()

    assert interrupted("count", "-", stdin=True, ready=ready) == (-signal.SIGINT, b"", b"")


def test_ctrl_c_while_it_waits_for_a_fifo(tmp_path):
    fifo = tmp_path / "waiting.cell"
    os.mkfifo(fifo)
    with ExitStack() as until_the_end:

        def ready(process):
            writer = until_the_end.enter_context(fifo.open("wb"))  # when the other end is open
            writer.write(PADDING)
            writer.flush()

        assert interrupted("show", str(fifo), ready=ready) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_while_it_still_reads_sympy(tmp_path, command):
    """Whatever a command does first, it needs SymPy: here one that is interrupted and waits.

    A file is explained without it; a number takes its divisors.
    """
    (tmp_path / "sympy.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    record = ["--record", str(tmp_path / "a.json")]
    given = {"list": [], "gpu": record, "experiment": record}
    given |= {"explain": ["--count", "36"], "convert": ["--table", "gru"]}
    words = given.get(command, ["rnn.elman"])
    assert interrupted(command, *words, first=tmp_path) == (-signal.SIGINT, b"", b"")


# --------------------------------------------------------------------------------- installation


def test_what_is_installed(tmp_path):
    """A wheel holds the package of today, nothing a former build left; the console script runs."""
    tree = tmp_path / "tree"
    parts = "gru_sym tests pyproject.toml setup.py MANIFEST.in README.md LICENSE".split()
    for part in filter(lambda name: (ROOT / name).exists(), parts):
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / part, tree / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, tree / part)
    stale = tree / "build" / "lib" / "gru_sym" / "texts" / "gru.stale.cell"
    stale.parent.mkdir(parents=True)
    stale.write_text("h' = W @ x\n")
    build = "import setuptools.build_meta as b; b.build_sdist('out'); b.build_wheel('out')"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((tree / "out").glob("*.whl"))) as wheel:
        installed = {name for name in wheel.namelist() if ".dist-info/" not in name}
        points = wheel.read(next(n for n in wheel.namelist() if n.endswith("entry_points.txt")))
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "gru_sym").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert installed == package
    assert b"gru-sym = gru_sym.cli.main:as_script" in points
    with tarfile.open(next((tree / "out").glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert package <= names and "pyproject.toml" in names
    # The tests read the book as well: all that they need, or none of them.
    assert not any(name.startswith("tests/") for name in names)


def test_what_a_build_leaves_is_ignored():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/build/", "/dist/", "*.egg-info/"} <= {*ignored}


def test_the_console_script_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert declared["project"]["scripts"] == {"gru-sym": "gru_sym.cli.main:as_script"}

"""Each rule of book_rules passes a good notebook and refuses a bad one: none can only agree."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import book_rules
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

TRACEBACK = {"ename": "ValueError", "evalue": "no", "traceback": ["ValueError: no"]}
GLUED = {"scrapbook": {"name": "count", "mime_prefix": "application/papermill.record/"}}


def error() -> NotebookNode:
    return new_output("error", **TRACEBACK)


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def shown(**mimes: str) -> NotebookNode:
    data = {key.replace("_", "/"): value for key, value in mimes.items()}
    return new_output("display_data", data=data)


def code(source: str, count: int | None, *outs: NotebookNode, tags: tuple[str, ...] = ()):
    return new_code_cell(
        source, execution_count=count, outputs=list(outs), metadata={"tags": list(tags)}
    )


def notebook(*cells: NotebookNode, **metadata: object) -> NotebookNode:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=list(cells), metadata={"kernelspec": kernel, **metadata})


GOOD = notebook(
    new_markdown_cell("# Counting\n\nAs C5 says, {glue:text}`count` parameters, at `/` and a/b."),
    code("import sympy as sp", 1),
    code("glue('count', 1248)", 2, new_output("display_data", data={}, metadata=GLUED)),
    code("int('x')", 3, error(), tags=("raises-exception",)),
    code("torch.cuda.f()", None, tags=("skip-execution", "nbval-skip")),
    code("assert seconds > 0\nprint(seconds)", 4, stream("0.1"), tags=("nbval-ignore-output",)),
    code("", None),
    execution={"timeout": 60},
)

INVALID = notebook(code("1", 1))
INVALID.cells[0].outputs = [{"output_type": "telepathy"}]

OTHER_KERNEL = deepcopy(GOOD)
OTHER_KERNEL.metadata.kernelspec.name = "my-env"

PATHS = [
    *"/home/me/x.csv /Users/me/project /srv/x /data/x /scratch/me/x /workspace/x".split(),
    *"/content/x /kaggle/x /app/x.py /nix/store /Library /Volumes /etc /run /dev/shm/x".split(),
    *"/opt/x-1.2/lib ~/x file:///home/me/x file:///x C:/Users/me c:/x".split(),
    *r"C:\Users\me D:\data D:\data\x.csv E:\\x".split(),
    "/usr/lib/python3/dist-packages/x",
]
NOT_PATHS = [
    *"a/b a/b/c m/2/n (m+n)/n/m 1/2/x and/or tanh(1)/x/y {m}/k/n $m$/k/n x[t]/n/m".split(),
    *"https://example.org/home/me/x http://a.b/c/d book/data/x.csv ../book/x/y ./x/y".split(),
    *"</div></b> application/json/x /dev/null /dev/full / // 0xFFFFFFFF $f:X\\to{}Y$".split(),
    r"$F:\mathbb{R}^n\to\mathbb{R}$",
    *"Table~3/4 $a=~n/m$".split(),
    "at 0x",
]

# rule -> notebooks that it must refuse, and nothing but the fault in each.
BAD: dict[str, list[NotebookNode]] = {
    "is_valid": [INVALID],
    "executed_in_order": [
        notebook(code("1", None)),
        notebook(code("1", 2)),
        notebook(code("1", 1), code("2", 1)),
        notebook(code("1", 2), code("2", 1)),
    ],
    "no_stderr": [notebook(code("1", 1, stream("UserWarning: old", "stderr")))],
    "no_unexpected_error": [
        notebook(code("int('x')", 1, error())),
        notebook(code("int('1')", 1, tags=("raises-exception",))),
    ],
    "no_machine_traces": [
        *(notebook(new_markdown_cell(f"see {path} there")) for path in PATHS),
        *(notebook(code(f"open({path!r})", 1)) for path in PATHS),
        notebook(code("f()", 1, stream("read /tmp/abc123\n"))),
        notebook(code("f", 1, shown(text_plain="<function f at 0x7f0a1b2c3d4e>"))),
        notebook(code("f", 1, shown(text_plain="<function f at 0x7F0A1B2C3D4E>"))),
        notebook(code("f", 1, shown(text_html="<a href='/var/me/a'>"))),
        notebook(code("f()", 1, error()), code("g", 2, stream(".../site-packages/torch/nn.py"))),
    ],
    "short_cells": [
        notebook(code("\n".join(["a = 1"] * 21), 1), code("a", 2), code("a", 3)),
        notebook(code("\n".join(["a = 1"] * 9), 1)),
    ],
    "lines_that_fit": [notebook(code("a = " + "b" * 83, 1))],
    "python3_kernel": [OTHER_KERNEL, new_notebook()],
    "skipped_by_both": [
        notebook(code("1", None, tags=("skip-execution",))),
        notebook(code("1", 1, tags=("nbval-skip",))),
    ],
    "compared_strictly": [
        notebook(code("# NBVAL_IGNORE_OUTPUT\nassert a\na", 1)),
        notebook(code("print(seconds)", 1, tags=("nbval-ignore-output",))),
    ],
    "no_private_execution_settings": [
        notebook(mystnb={"execution_mode": "off"}),
        notebook(mystnb={"execution_allow_errors": True}),
        notebook(execution={"allow_errors": True}),
    ],
    "no_picture_of_mathematics": [
        notebook(code("e", 1, shown(text_latex="$x$", image_png="iVBORw0KGgo="))),
    ],
}
RULES = {rule.__name__: rule for rule in book_rules.RULES}


def test_every_rule_has_a_notebook_that_it_refuses():
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_rule_passes_a_good_notebook(name: str):
    assert RULES[name](GOOD) == []


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in BAD for i in range(len(BAD[n]))])
def test_rule_refuses_a_bad_notebook(name: str, number: int):
    assert RULES[name](BAD[name][number])


@pytest.mark.parametrize("text", NOT_PATHS)
def test_what_is_no_path_of_a_machine(text: str):
    nb = notebook(new_markdown_cell(f"{text} {text}"), code(f"print({text!r})", 1, stream(text)))
    assert book_rules.no_machine_traces(nb) == []


def test_faults_say_where():
    nb = notebook(new_markdown_cell("# A"), code("1", 1), code("2", None))
    assert book_rules.executed_in_order(nb) == ["cell 3: execution count None, not 2"]


def test_claims_are_found_in_sources_and_outputs():
    nb = notebook(
        new_markdown_cell("C1 and (C10), but not C12, C0, AC3 or C4a"),
        code("claim", 1, shown(text_latex="$\\text{C7}$")),
    )
    assert book_rules.claims_in(nb) == {1, 7, 10}


def test_a_claim_without_its_test_is_refused():
    source = "def test_c1_biases():\n    ...\n\nclass T:\n    def test_c10_capacity(self): ...\n"
    assert book_rules.claims_without_test({1, 10}, source) == []
    assert book_rules.claims_without_test({1, 2, 10}, source) == ["C2 has no test"]
    assert book_rules.claims_without_test({1}, "# def test_c1_biases") == ["C1 has no test"]


@pytest.mark.parametrize(
    "text",
    [
        "{glue}`N`",
        "{glue:}`N`",
        "{glue:text}`N:.2f`",
        "{glue:text}`the count <N>`",
        "{glue}`counting::N`",
        "```{glue:math} N\n:label: eq-N\n```",
        ":::{glue:figure} N\n:::",
    ],
)
def test_glue_used_is_found(text: str):
    assert book_rules.glue_used(f"Before {{eq}}`x`.\n\n{text}\n\nafter") == {"N"}


def test_undefined_glue_is_refused():
    assert book_rules.glue_defined(GOOD) == {"count"}
    assert book_rules.undefined_glue({"count"}, {"count"}) == []
    assert book_rules.undefined_glue({"kount"}, {"count"}) == [
        "glue key 'kount' is defined nowhere"
    ]


def test_toc_and_folder_must_agree():
    toc = {
        "root": "book/index",
        "parts": [{"chapters": [{"file": "book/a", "sections": [{"file": "book/b"}]}]}],
    }
    listed = book_rules.toc_files(toc)
    assert listed == ["book/index", "book/a", "book/b"]
    assert book_rules.toc_mismatch(listed, listed) == []
    assert book_rules.toc_mismatch(listed, [*listed, "book/c"]) == ["book/c is not in _toc.yml"]
    assert book_rules.toc_mismatch(listed, listed[:2]) == [
        "_toc.yml names book/b, which does not exist"
    ]


STRICT = {
    "execute_notebooks": "force",
    "raise_on_error": True,
    "allow_errors": False,
    "stderr_output": "warn",
}


@pytest.mark.parametrize(
    "change",
    [
        {"execute_notebooks": "off"},
        {"execute_notebooks": "cache"},
        {"raise_on_error": False},
        {"allow_errors": True},
        {"stderr_output": "show"},
        {"exclude_patterns": ["claims*"]},
    ],
)
def test_a_lax_build_is_refused(change: dict):
    assert book_rules.lax_build({"execute": STRICT}) == []
    assert book_rules.lax_build({"execute": {**STRICT, **change}})


def test_suppressed_warnings_are_refused():
    sphinx = {"config": {"suppress_warnings": ["myst.xref_missing"]}}
    assert book_rules.lax_build({"execute": STRICT, "sphinx": sphinx})


def test_built_notebooks_are_all_there_and_executed(tmp_path: Path):
    nbformat.write(GOOD, tmp_path / "good.ipynb")
    nbformat.write(notebook(code("1", None)), tmp_path / "idle.ipynb")
    assert book_rules.check_built(tmp_path, ["book/good.ipynb"]) == []
    assert book_rules.check_built(tmp_path, ["book/idle.ipynb", "book/lost.ipynb"]) == [
        "idle.ipynb: cell 1: execution count None, not 1",
        "lost.ipynb: the build did not execute it",
    ]

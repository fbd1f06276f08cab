"""Chapters that run in the page: which they are, what their cells show, and the page itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_page import LivePage
from test_live import forgetful  # noqa: F401  fixture
from test_site import browser, inaccessible, missing, network_faults, site, url, visit  # noqa: F401

from gru_sym.web.chapter import Chapter
from gru_sym.web.live_chapter import cells_of, lacking, runs_here
from gru_sym.web.markdown import as_html

BOOK = Path(__file__).resolve().parent.parent / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
HERE = [path for path in NOTEBOOKS if runs_here(cells_of(path))]


# ------------------------------------------------------------------------------------- the cells


def test_chapters_that_need_a_framework_throughout_have_no_button():
    names = {path.stem for path in HERE}
    assert {"your_own_cell", "notation", "catalogue", "redundancy"} <= names
    assert not names & {"training", "numpy_against_pytorch", "your_model", "index"}
    assert not names & {"experiment", "gpu", "libraries"}  # which show records and tables of data


def stored(cell: dict) -> list[dict[str, str]]:
    """What a notebook has stored of a cell, in the forms of a page."""
    found = []
    for output in cell["outputs"]:
        data = {form: "".join(text) for form, text in output.get("data", {}).items()}
        if "name" in output:
            found.append({"text": "".join(output["text"])})
        elif "text/latex" in data:
            found.append({"latex": data["text/latex"].strip("$ \n")})
        elif "text/markdown" in data:
            found.append({"html": as_html(data["text/markdown"])})
        elif "text/plain" in data:
            found.append({"text": data["text/plain"]})
    return found


@pytest.mark.parametrize("name", ["notation", "your_own_cell"])
def test_a_chapter_shows_what_its_notebook_has_stored(name: str):
    notebook = json.loads((BOOK / f"{name}.ipynb").read_text("utf-8"))["cells"]
    chapter = Chapter(lacking)
    for cell in cells_of(BOOK / f"{name}.ipynb"):
        assert chapter.run(cell["source"]) == {"outputs": stored(notebook[cell["index"]])}


def test_what_a_browser_lacks_is_named_and_the_rest_runs():
    chapter = Chapter(lacking)
    assert chapter.run("import torch\nfrom torch import nn\nn = 3\nn") == {
        "outputs": [{"text": "3"}]
    }
    assert chapter.run("layer = nn.GRU(n, n)") == {"needs": "torch"}
    assert chapter.run("def count():\n    return sum(p.numel() for p in layer.parameters())") == {
        "needs": "torch"
    }
    assert chapter.run("count()") == {"needs": "torch"}
    assert chapter.run("layer = n + 1\nlayer") == {"outputs": [{"text": "4"}]}
    assert chapter.run("layer") == {"outputs": [{"text": "4"}]}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("print('so far')\n{}['key']", "KeyError: 'key'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("assert 1 > 2, 'no'", "AssertionError: no"),
        ("a +", "SyntaxError: invalid syntax"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_an_error_is_told_after_what_was_shown(source: str, error: str):
    found = Chapter().run(source)
    assert error in found["error"]
    assert found["outputs"] == ([{"text": "so far\n"}] if "so far" in source else [])


def test_a_file_of_the_book_is_not_there():
    assert Chapter().run("open('data/no.csv')") == {"needs": "the file data/no.csv"}
    chapter = Chapter()
    assert chapter.run("a = 1", "the file data/no.csv") == {"needs": "the file data/no.csv"}
    assert chapter.run("a") == {"needs": "the file data/no.csv"}
    beside = Chapter(lacking, BOOK)
    assert beside.run("rows = list('data/atlas.json')") == {"needs": "the file data/atlas.json"}
    assert beside.run("len('data/none.json')") == {"outputs": [{"text": "14"}]}


def test_displays_and_glue_are_shown_in_their_order():
    found = Chapter().run(
        "from IPython.display import Markdown, display\nfrom myst_nb import glue\n"
        "print(1)\nglue('a', 2, display=False)\ndisplay(Markdown('**b**'))\nprint(3)"
    )
    assert found["outputs"] == [
        {"text": "1\n"}, {"html": "<p><strong>b</strong></p>"}, {"text": "3\n"}
    ]  # fmt: skip


# ----------------------------------------------------------------------------- in a real browser

STATE = """
const at = name => document.getElementById(`gru-chapter-${name}`);
const places = [...document.querySelectorAll('[class*="gru-cell-"]')];
return {
  status: at('status').textContent, startable: !at('start').hidden, stoppable: !at('stop').hidden,
  outputs: places.map(place => place.querySelector('.gru-live-output')?.innerText ?? null),
  needs: places.map(place => place.querySelector('.gru-live-needs')?.textContent ?? null),
  stored: places.map(
    place => !!place.querySelector('.cell_output:not(.gru-live-output):not([hidden])')),
  formulas: document.querySelectorAll('.gru-live-output math').length,
};
"""

EDIT = """
const code = document.querySelectorAll('[class*="gru-cell-"] .cell_input pre')[arguments[0]];
code.textContent = arguments[1];
code.dispatchEvent(new Event('input'));
code.closest('.cell').querySelector('.gru-live-run').click();
"""


class Running(LivePage):
    """A chapter that is run."""

    box, element, absent, script = "gru-chapter", "gru-chapter", "live chapters", STATE
    patience = 90


@pytest.mark.site
def test_a_reader_runs_a_chapter_and_changes_a_cell(browser, url: str, forgetful):  # noqa: F811
    forgetful()
    page = Running(browser, url + "book/your_own_cell.html")
    assert not [e for e in browser.get_log("performance") if "python.zip" in e["message"]]
    page.click("start")
    state = page.until(lambda s: "were run here" in s["status"])
    assert state["formulas"] > 10 and not any(state["stored"])
    assert "1017000" in "".join(filter(None, state["outputs"]))
    assert "sizes clash in `W @ h`" in "".join(filter(None, state["outputs"]))
    assert not inaccessible(browser)
    browser.execute_script(EDIT, 2, "nosy.count(m=1, n=1)")
    page.until(lambda s: s["outputs"][2] == "7")
    browser.execute_script(EDIT, 2, "1 / 0")
    page.until(lambda s: "ZeroDivisionError" in (s["outputs"][2] or ""))

    # What never ends is stopped, and the chapter can be run again.
    browser.execute_script(EDIT, 2, "while True: pass")
    page.until(lambda s: s["stoppable"])
    page.click("stop")
    page.until(lambda s: s["status"] == "Stopped." and s["startable"])
    browser.execute_script(EDIT, 2, "2 + 2")
    page.until(lambda s: s["outputs"][2] == "4" and "were run here" in s["status"])
    assert not network_faults(browser, url)


@pytest.mark.site
def test_a_cell_that_needs_torch_says_so_and_keeps_its_output(browser, url: str):  # noqa: F811
    page = Running(browser, url + "book/equations.html")
    page.click("start")
    state = page.until(lambda s: "were run here" in s["status"])
    told = [i for i, needs in enumerate(state["needs"]) if needs]
    assert told and all("needs torch" in state["needs"][i] for i in told)
    assert not any(state["outputs"][i] for i in told)

"""The last step of a build: what it refuses, and what it makes of a page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

pytest.importorskip("fontTools", reason="fontTools is not installed")
from lean_site import head, pages, render  # noqa: E402

INLINE = r'<p><span class="math notranslate nohighlight">\({}\)</span></p>'


@pytest.fixture(scope="module")
def packages() -> Path:
    try:
        return render.packages(ROOT)
    except render.NoNode as error:
        pytest.skip(str(error))


def test_formula_is_there_without_a_script(packages: Path):
    done, faults = render.typeset({"page": INLINE.format("3 m n &lt; n^2")}, packages)
    assert not faults
    assert "<math" in done["page"] and "katex-html" in done["page"]
    assert r"\(" not in done["page"]


@pytest.mark.parametrize("body", [INLINE.format(r"\frac{1"), INLINE.format(r"\nosuch"), "raw"])
def test_formula_that_cannot_be_typeset_is_told(packages: Path, body: str):
    if body == "raw":
        body = r'<div class="math notranslate nohighlight">\begin{x}\end{x}</div>'
    _, faults = render.typeset({"page": body}, packages)
    assert len(faults) == 1


def test_rules_that_no_page_uses_go(packages: Path):
    css = ".used{color:red}.unused{color:red}.tooltip-x{color:red}"
    assert render.purge([css], ['<p class="used">'], packages) == [
        ".used{color:red}.tooltip-x{color:red}"
    ]


def test_theme_that_writes_otherwise_is_refused():
    with pytest.raises(pages.ThemeChanged, match="does not load"):
        pages.lean("<html><head></head></html>", search=False)


def test_landing_page_moves_to_the_root():
    html = (
        '<a href="counting.html#x"><a href="#y"><img src="../_static/a.svg"><a href="https://a.b/">'
    )
    assert pages.at_root(html) == (
        '<a href="book/counting.html#x"><a href="#y"><img src="_static/a.svg"><a href="https://a.b/">'
    )


def test_one_setting_gives_the_addresses():
    said = head.Words("title", "description")
    written = head.head("https://example.org/book", "book/counting", said, "../")
    assert 'rel="canonical" href="https://example.org/book/book/counting.html"' in written
    assert "canonical" not in head.head("", "book/counting", said, "../")
    assert "<loc>https://example.org/</loc>" in head.sitemap("https://example.org", ["book/index"])

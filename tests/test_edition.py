"""The book as one file: every link leads to a place in it, and nothing is outside of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

pytest.importorskip("selenium", reason="selenium is not installed")
from edition import Edition  # noqa: E402

TOC = {"root": "book/index", "parts": [{"caption": "Why", "chapters": [{"file": "book/why"}]}]}
INDEX = """<h1>How many?<a class="headerlink" href="#top">#</a></h1><section id="top" class="x">
<a href="why.html#proof">proof</a> <a href="why.html">all of it</a> <a href="#top">up</a>
<a href="https://a.b/c.html">far</a> <a href="../genindex.html">index</a>
<img src="../_images/dot.png"><script>alert(1)</script></section>"""
WHY = """<h1>Why<a class="headerlink" href="#top">#</a></h1><section id="top"><p id="proof">
<a href="../index.html">start</a> <a href="index.html#top">top</a>
<svg><path id="p"/><use xlink:href="#p"/></svg></p><label for="top"></label></section>"""


@pytest.fixture
def html(tmp_path: Path) -> str:
    (tmp_path / "book").mkdir()
    (tmp_path / "_static").mkdir()
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images/dot.png").write_bytes(b"dot")
    (tmp_path / "_static/font.woff").write_bytes(b"font")
    (tmp_path / "_static/site.css").write_text("@font-face{src:url(font.woff)}", encoding="utf-8")
    for name, body in (("index", INDEX), ("why", WHY)):
        page = f'<article class="bd-article">{body}</article>'
        (tmp_path / f"book/{name}.html").write_text(page, encoding="utf-8")
    return Edition(tmp_path, TOC).html("The book", "about it")


def test_every_link_leads_to_a_place_in_the_file(html: str):
    places = re.findall(r'\sid="([^"]+)"', html)
    assert len(places) == len(set(places))
    links = re.findall(r'href="([^"]+)"', html)
    inside = [link[1:] for link in links if link.startswith("#")]
    assert set(inside) <= set(places)
    assert {link for link in links if not link.startswith("#")} == {
        "https://a.b/c.html",
        "../genindex.html",
    }
    assert inside.count("index--top") == 2 and inside.count("proof") == 1
    assert 'for="why--top"' in html and 'xlink:href="#p"' in html


def test_all_that_it_needs_is_within(html: str):
    assert "url(data:font/woff;base64,Zm9udA==)" in html
    assert 'src="data:image/png;base64,ZG90"' in html
    assert "alert(1)" not in html and "headerlink" not in html


def test_contents_have_parts_and_chapters(html: str):
    contents = re.search(r'<nav class="edition".*?</nav>', html)[0]
    assert re.findall(">([^<]+)<", contents) == ["How many?", "Why", "Why"]

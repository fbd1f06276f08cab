"""The last step of a build: what it refuses, and what it makes of a page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

pytest.importorskip("fontTools", reason="fontTools is not installed")
from lean_site import _headings, head, pages, render  # noqa: E402

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


def test_the_font_of_double_struck_letters_has_those_that_are_written(packages: Path):
    done, _ = render.typeset({"page": INLINE.format(r"A \in \mathbb{R}^{n}")}, packages)
    assert render.double_struck([done["page"]]) == {ord("R")}


def test_rules_that_no_page_uses_go(packages: Path):
    css = ".used{color:red}.unused{color:red}.tooltip-x{color:red}"
    assert render.purge([css], ['<p class="used">'], packages) == [
        ".used{color:red}.tooltip-x{color:red}"
    ]


def test_a_stylesheet_is_tight_and_says_the_same():
    css = """/* a */ :root { --a: 1px; --b: var(--c); --c: url("d;e}/* f */") ; --g: ; --h: 2 }
    @media (width > 1px) { p > a::after { content: " /* x */ ;  "; width: calc(1px + var(--a)) }}"""
    assert pages.tight(css, {"--h"}) == (
        ":root{--a: 1px;--h: 2}"
        '@media (width > 1px){p > a::after{content: " /* x */ ;  ";width: calc(1px + var(--a))}}'
    )
    assert "--c" in pages.tight(css, {"--b"})  # asked for by what is asked for


def test_a_name_is_given_once():
    html = '<p id="a" class="b">x</p><h2 class="c" id="a">y</h2><i id="d">id="a"</i>'
    assert pages.once(html) == '<p id="a" class="b">x</p><h2 class="c">y</h2><i id="d">id="a"</i>'


def test_options_have_the_quotes_of_code():
    html = "<td>RNN(nonlinearity=’relu’, m=1), Keras’ GRU(mode=‘a’)</td>"
    assert pages.as_code(html) == "<td>RNN(nonlinearity='relu', m=1), Keras’ GRU(mode='a')</td>"


def test_search_that_is_written_otherwise_is_refused(tmp_path: Path):
    file = tmp_path / "searchtools.js"
    file.write_text("\n".join(pages.SEARCH), encoding="utf-8")
    pages.fix_search(file, {"why": ["Why", "Because"]})
    assert 'const SAID = {"why": ["Why", "Because"]};' in file.read_text(encoding="utf-8")
    with pytest.raises(pages.ThemeChanged, match="headerlink"):
        pages.fix_search(file, {})


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


GITHUB, PAGES = "https://github.com/Owner/book", "https://owner.github.io/book/"


@pytest.mark.parametrize(
    ("repository", "base", "site", "colab"),
    [
        ("", "", "", ""),
        ("", "https://a.b/b/", "https://a.b/b/", ""),
        (GITHUB, "", PAGES, "Owner/book/blob/v1/book/counting.ipynb"),
        (
            f"{GITHUB}.git",
            "https://a.b/",
            "https://a.b/",
            "Owner/book/blob/v1/book/counting.ipynb",
        ),
        ("https://example.org/r", "", "", ""),
    ],
)
def test_the_repository_gives_the_site_s_address_and_colab_s(repository, base, site, colab):
    assert head.site_address(repository, base) == site
    start = "https://colab.research.google.com/github/" * bool(colab)
    assert head.colab(repository, "v1", "book/counting") == start + colab


BUILD = "from jupyter_book.cli.main import main; main()"
CHAPTER = "# Counting\n\nText with $n^2$."


@pytest.fixture(scope="module", params=["", GITHUB])
def small_book(request, tmp_path_factory, packages: Path) -> tuple[str, Path]:
    """A book of two pages, built as this one is, without and with the one setting."""
    folder = tmp_path_factory.mktemp("small")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = request.param
    config["html"]["baseurl"] = PAGES if request.param else ""
    config["bibtex_bibfiles"] = [str(ROOT / "book" / "references.bib")]
    config["execute"]["execute_notebooks"] = "off"
    config["sphinx"]["local_extensions"] = {"lean_site": str(ROOT / "book/_ext")}
    own = config["sphinx"]["config"]
    own["extensions"] = [e for e in own["extensions"] if not e.startswith(("gru_sym", "reference"))]
    own |= {"html_static_path": [], "html_css_files": [], "html_js_files": []}
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    toc = "format: jb-book\nroot: book/index\nchapters:\n- file: book/counting\n"
    (folder / "_toc.yml").write_text(toc, encoding="utf-8")
    shutil.copy(ROOT / "CITATION.cff", folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")  # with what npm brought
    (folder / "book").mkdir()
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(CHAPTER, id="one")])
    for name in ("index", "counting"):
        nbformat.write(nb, folder / "book" / f"{name}.ipynb")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, "build", str(folder), "-q"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return request.param, folder / "_build" / "html"


def test_a_page_says_where_it_is_and_what_it_offers(small_book: tuple[str, Path]):
    repository, site = small_book
    html = (site / "book/counting.html").read_text(encoding="utf-8")
    here, image = f"{PAGES}book/counting.html", f"{PAGES}_static/card.png"
    told = int(bool(repository))
    assert html.count('rel="canonical"') == html.count(f'rel="canonical" href="{here}"') == told
    assert html.count("og:url") == html.count(f'og:url" content="{here}"') == told
    assert html.count("og:image") == 2 * told and html.count(image) == told
    assert html.count("https://colab.research.google.com/github/Owner/book/blob/v") == 2 * told
    assert 'href="../_sources/book/counting.ipynb" download' in html
    assert (site / "_sources/book/counting.ipynb").is_file()
    assert (site / "sitemap.xml").is_file() == bool(repository)
    if repository:
        assert f"<loc>{here}</loc>" in (site / "sitemap.xml").read_text(encoding="utf-8")
    else:
        assert "github.io" not in html and "colab" not in html


def test_one_setting_gives_the_addresses():
    said = head.Words("title", "description")
    written = head.head("https://example.org/book", "book/counting", said, "../")
    assert 'rel="canonical" href="https://example.org/book/book/counting.html"' in written
    assert "canonical" not in head.head("", "book/counting", said, "../")
    assert "<loc>https://example.org/</loc>" in head.sitemap("https://example.org", ["book/index"])


def test_a_printed_heading_has_a_box_with_what_follows_it():
    document = new_document("page")
    for name in ("one", "two"):
        document += [nodes.rubric("", name, ids=[name], level=3), nodes.paragraph("", name)]
    _headings(None, document, "")
    assert [box["classes"] for box in document] == [["printed-section"]] * 2
    assert [box["ids"] for box in document] == [[], []]
    assert [[node.astext()[:3] for node in box] for box in document] == [["one"] * 2, ["two"] * 2]
    assert [heading["ids"] for heading in document.findall(nodes.rubric)] == [["one"], ["two"]]

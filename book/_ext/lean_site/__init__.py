"""Sphinx: the built pages made light, readable without JavaScript, and found.

The last step of a build. Formulas become HTML and MathML, icons become drawings, eleven stylesheets
become one with the rules that the pages use, scripts become one that is deferred; each page gets
its title, description and footer, and the landing page stands at the root. A formula that cannot be
typeset, or a pattern of the theme that is no longer there, fails the build.
"""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math
from sphinx.util import logging

from . import head, pages, render
from .icons import Icons

HERE = Path(__file__).parent
logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer and the last step."""
    app.add_html_math_renderer("ahead", (html_visit_math, None), (html_visit_displaymath, None))
    app.add_config_value("lean_site_base", "", "html")
    app.connect("config-inited", _one_setting)
    app.connect("doctree-resolved", _headings)
    app.connect("html-page-context", _colab_button, priority=600)  # after the theme's own
    app.connect("build-finished", _finish, priority=900)  # after sphinx_external_toc's index.html
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _repository(config: Config) -> str:
    address: str = config.html_theme_options.get("repository_url", "")
    return address


def _one_setting(app: Sphinx, config: Config) -> None:
    """The site's address follows from the repository's; the theme must not write it, too."""
    config.lean_site_base = head.site_address(_repository(config), config.html_baseurl)
    config.html_baseurl = ""


def _tag() -> str:
    """The tag of this version, at which Colab opens the notebooks."""
    text = (HERE.parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    return f"v{yaml.safe_load(text)['version']}"


def _colab_button(app: Sphinx, page: str, _: str, context: dict[str, Any], __: Any) -> None:
    """A button at the top of a page that is a notebook, where the repository is on GitHub."""
    where = head.colab(_repository(app.config), _tag(), page)
    if where and context.get("page_source_suffix") == ".ipynb":
        button = {"type": "link", "url": where, "tooltip": "Open in Colab"}
        context["header_buttons"].insert(0, button | {"icon": "fas fa-rocket", "label": "colab"})


def _headings(app: Sphinx, doctree: nodes.document, _: str) -> None:
    """A heading that a cell has printed is a heading, with a link to itself as all others.

    It stands with what follows it in a box of their own.
    """
    for heading in list(doctree.findall(nodes.rubric)):
        if "level" in heading and heading["ids"]:
            heading["heading-level"] = heading["level"]
            # The name that a target gives stands before the one made from the heading's words.
            link = f'<a class="headerlink" href="#{heading["ids"][-1]}" title="Link here">#</a>'
            heading += nodes.raw("", link, format="html")
            _boxed(heading)


def _boxed(heading: nodes.rubric) -> None:
    """Put a printed heading, and what follows it as far as the next one, into a container."""
    printed = heading.parent
    start = printed.index(heading)
    following = takewhile(lambda n: not isinstance(n, nodes.rubric), printed[start + 1 :])
    inside = [heading, *following]
    # Slices, since `replace_self` would give the heading's ids to the box, too.
    printed[start : start + len(inside)] = [
        nodes.container("", *inside, classes=["printed-section"])
    ]


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    try:
        _rewrite(app)
    except (render.NoNode, pages.ThemeChanged) as error:
        raise ExtensionError(str(error)) from error


def _rewrite(app: Sphinx) -> None:
    out, source = Path(app.outdir), Path(app.srcdir)
    static, base, repository = out / "_static", app.config.lean_site_base, _repository(app.config)
    folder = render.packages(source)
    (out / "index.html").unlink()  # the redirect
    documents = sorted(
        path.relative_to(out).with_suffix("").as_posix()
        for path in out.rglob("*.html")
        if "_static" not in path.parts and "_sources" not in path.parts
    )
    built = {d: (out / f"{d}.html").read_text(encoding="utf-8") for d in documents}
    built, faults = render.typeset(built, folder)
    for fault in faults:
        logger.warning("a formula cannot be typeset: %s", fault)

    icons = Icons(static / "vendor/fontawesome/webfonts/fa-solid-900.ttf")
    citation = yaml.safe_load((source / "CITATION.cff").read_text(encoding="utf-8"))
    said = head.words(HERE)
    colab = partial(head.colab, repository, _tag())
    for document in documents:
        html = icons.inline(pages.lean(built[document], search=document == "search"))
        root = "../" * document.count("/")
        if document in said:
            html = pages.with_head(html, head.head(base, document, said[document], root))
        elif document in app.env.found_docs:
            logger.warning("pages.yml has no title and no description for %s", document)
        notebook = f"_sources/{document}.ipynb"
        links = (root + notebook, colab(document)) if (out / notebook).is_file() else ()
        html = pages.with_footer(html, head.footer(citation, base, *links))
        built[document] = pages.once(pages.as_code(html))

    pages.write_styles(static, list(built.values()), folder, icons)
    built["book/index"] = pages.with_own_styles(built["book/index"], static, folder)
    pages.write_script(static)
    titles = {document: [words.title, words.description] for document, words in said.items()}
    pages.fix_search(static / "searchtools.js", titles)
    for document, html in built.items():
        (out / f"{document}.html").write_text(html, encoding="utf-8")
    (out / "index.html").write_text(pages.at_root(built["book/index"]), encoding="utf-8")
    (out / "404.html").write_text(head.not_found(base), encoding="utf-8")
    if base:
        listed = [d for d in documents if d in app.env.found_docs]
        (out / "sitemap.xml").write_text(head.sitemap(base, listed), encoding="utf-8")
    shutil.rmtree(static / "vendor")
    _offline(out, static / "gru-live" / "live_offline.js")


def _offline(out: Path, worker: Path) -> None:
    """The live pages' service worker, at the root, so for all pages; its store is this build's."""
    if worker.is_file():
        files = sorted(path for end in ("html", "css", "js") for path in out.rglob(f"*.{end}"))
        build = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
        text = worker.read_text(encoding="utf-8").replace("BUILD", build)
        (out / "offline.js").write_text(text, encoding="utf-8")
        worker.unlink()

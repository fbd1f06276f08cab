"""What a page says of itself: title, description, address, how it was checked, how to cite it."""

from __future__ import annotations

import datetime
import os
import platform
import re
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Words:
    """Title and description of one page, as search engines and chats show them."""

    title: str
    description: str


def words(folder: Path) -> dict[str, Words]:
    """What pages.yml says, by document."""
    data = yaml.safe_load((folder / "pages.yml").read_text(encoding="utf-8"))
    return {name: Words(**entry) for name, entry in data.items()}


def site_address(repository: str, base: str = "") -> str:
    """The site's address: what is set, else GitHub Pages of the repository; "" for neither."""
    found = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?/?", repository)
    pages = f"https://{found[1].lower()}.github.io/{found[2]}/" if found else ""
    return base or pages


def colab(repository: str, tag: str, document: str) -> str:
    """Where Colab opens a notebook of a repository on GitHub; "" for any other repository."""
    _, github, name = repository.removesuffix(".git").partition("https://github.com/")
    start = "https://colab.research.google.com/github"
    return f"{start}/{name.rstrip('/')}/blob/{tag}/{document}.ipynb" if github else ""


def address(base: str, document: str) -> str:
    """The address of a document; the landing page is the site itself."""
    base = base.rstrip("/") + "/"
    return base if document == "book/index" else f"{base}{document}.html"


def head(base: str, document: str, said: Words, root: str) -> str:
    """Title and metadata. Without a base there is no canonical address."""
    title, description = escape(said.title), escape(said.description)
    lines = [
        f"<title>{title}</title>",
        f'<meta name="description" content="{description}">',
        f'<meta property="og:title" content="{title}">',
        f'<meta property="og:description" content="{description}">',
        '<meta property="og:type" content="article">',
        f'<meta name="twitter:card" content="summary{"_large_image" * bool(base)}">',
        '<meta name="theme-color" content="#14527a">',
        f'<link rel="icon" type="image/svg+xml" href="{root}_static/icon.svg">',
    ]
    if base:
        here = escape(address(base, document))
        lines += [
            f'<link rel="canonical" href="{here}">',
            f'<meta property="og:url" content="{here}">',
            f'<meta property="og:image" content="{escape(base.rstrip("/"))}/_static/card.png">',
            '<meta property="og:image:alt" content="The calculator of the landing page">',
        ]
    return "\n".join(lines)


def sitemap(base: str, documents: list[str]) -> str:
    """The pages' addresses as sitemaps.org writes them."""
    entries = "".join(f"<url><loc>{escape(address(base, d))}</loc></url>\n" for d in documents)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{entries}</urlset>\n'
    )


def bibtex(citation: dict[str, Any], base: str) -> str:
    """The entry of CITATION.cff."""
    authors = " and ".join(
        "{" + person["name"] + "}"
        if "name" in person
        else f"{person['family-names']}, {person['given-names']}"
        for person in citation["authors"]
    )
    released = str(citation["date-released"])
    fields = {
        "author": authors,
        "title": citation["title"],
        "year": released[:4],
        "version": citation["version"],
        "note": f"Released {released}",
    }
    if base:
        fields["url"] = base
    body = ",\n".join(f"  {name:<7} = {{{value}}}" for name, value in fields.items())
    return f"@software{{gru_parameters,\n{body}\n}}"


def built_on() -> datetime.date:
    """Today, or what SOURCE_DATE_EPOCH says."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if seconds:
        return datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC).date()
    return datetime.datetime.now(tz=datetime.UTC).date()


def footer(citation: dict[str, Any], base: str, notebook: str = "", colab: str = "") -> str:
    """The page's notebook, version, date, what was checked, licences, and the entry to copy."""
    links = [
        f'<a href="{escape(where)}"{more}>{what}</a>'
        for where, more, what in (
            (notebook, " download", "Download this page as a notebook"),
            (colab, "", "Open it in Colab"),
        )
        if where
    ]
    whole = f"<p>{' &middot; '.join(links)}</p>" if links else ""
    checked = f"PyTorch {version('torch')}, NumPy {version('numpy')}, SymPy {version('sympy')}"
    day = built_on()
    machine = f"Python {platform.python_version()}, {platform.system()} on a CPU"
    return f"""<footer class="bd-footer-content site-footer">
{whole}<p>gru_sym {escape(str(citation["version"]))}. The notebooks of this book were run on
<time datetime="{day}">{day.day} {day:%B %Y}</time> with {checked},
{machine} ({escape(platform.machine())}). Text: CC BY 4.0. Code: BSD-3-Clause.</p>
<details id="cite"><summary>Cite this</summary>
<div class="highlight"><pre>{escape(bibtex(citation, base))}</pre></div>
</details>
</footer>"""


def not_found(base: str) -> str:
    """A page that any address may answer with, so it links from the root."""
    root = base.rstrip("/") + "/" if base else "/"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>No such page: parameters in a GRU layer</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem;
  margin: 15vh auto; padding: 0 1rem }}
</style></head><body>
<h1>There is no such page.</h1>
<p>Perhaps it was <a href="{escape(root)}">how many parameters a GRU layer has</a>,
or something that the <a href="{escape(root)}search.html">search</a> finds.</p>
</body></html>
"""

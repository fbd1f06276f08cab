"""The whole book as one HTML file that needs no other, and as a PDF printed from it by Chromium.

Usage: python tools/edition.py     after `make book`; writes into _build/edition
"""

from __future__ import annotations

import base64
import mimetypes
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path

import yaml
from selenium import webdriver

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
OUT = ROOT / "_build" / "edition"
NAME = "parameters-in-a-gru-layer"
STYLES = ("site.css", "gru-calculator.css", "gru-live/live.css")
BROWSERS = ("google-chrome", "chromium", "chromium-browser")
PATIENCE = 1800  # seconds: hundreds of pages, perhaps on a busy machine
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run")

ARTICLE = re.compile(r'<article class="bd-article"[^>]*>(.*?)</article>', re.DOTALL)
TITLE = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
DROPPED = re.compile(
    r'<a class="headerlink".*?</a>|<script.*?</script>|<noscript>.*?</noscript>', re.DOTALL
)
ID = re.compile(r'(?<=\sid=")[^"]+(?=")')
NAMED = re.compile(
    r'(?P<start>\s(?:id|name|for|headers|aria-labelledby|aria-controls)=")(?P<id>[^"]+)"'
)
PLACE = re.compile(r'(?P<start>\s(?:xlink:)?href="|url\()(?P<page>[\w./-]*)#(?P<id>[^")]+)')
PAGE = re.compile(r'(?P<start>\shref=")(?P<page>(?![a-z]+:)[\w./-]+\.html)"')
FILE = re.compile(r'(?P<start>\ssrc="|url\()(?P<file>(?!data:|#|[a-z]+:)[\w./-]+)')

THEME = (
    "document.documentElement.dataset.theme ="
    " matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'"
)


def documents(toc: dict[str, object]) -> Iterator[tuple[str, str]]:
    """The documents in reading order, each with the caption of the part that it opens."""
    yield str(toc["root"]), ""
    for part in toc["parts"]:  # type: ignore[attr-defined]
        caption = part["caption"]
        for chapter in part["chapters"]:
            yield chapter["file"], caption
            caption = ""
            for section in chapter.get("sections", ()):
                yield section["file"], ""


def as_data(file: Path) -> str:
    """A file as an address that holds it."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"


def with_files(text: str, folder: Path) -> str:
    """A text whose pictures and fonts are in it."""

    def put(found: re.Match[str]) -> str:
        file = folder / found["file"]
        return found["start"] + as_data(file) if file.is_file() else found[0]

    return FILE.sub(put, text)


class Edition:
    """One file of all pages: a place that several pages have is told apart by the page's name."""

    def __init__(self, site: Path, toc: dict[str, object]) -> None:
        self.site = site
        self.pages: dict[str, str] = {}
        self.captions = dict(documents(toc))
        for document in self.captions:
            html = (site / f"{document}.html").read_text(encoding="utf-8")
            article = ARTICLE.search(html)
            if article is None:
                raise SystemExit(f"{document}.html has no article")
            self.pages[document] = DROPPED.sub("", article[1])
        heads = {d: TITLE.search(html) for d, html in self.pages.items()}
        self.titles = {d: found[1] if found else d for d, found in heads.items()}
        self.ids = {d: set(ID.findall(html)) for d, html in self.pages.items()}
        count = Counter(name for found in self.ids.values() for name in found)
        self.shared = {name for name, times in count.items() if times > 1}

    def place(self, document: str, name: str) -> str:
        """What a place of a page is called in the whole."""
        return f"{document.rpartition('/')[2]}--{name}" if name in self.shared else name

    def _target(self, document: str, page: str) -> str | None:
        """The document that a link from a page leads to; None if it is not in the book."""
        if not page:
            return document
        folder = (self.site / document).parent
        path = (folder / page).resolve().relative_to(self.site.resolve())
        name = path.with_suffix("").as_posix()
        return "book/index" if name == "index" else name if name in self.pages else None

    def chapter(self, document: str) -> str:
        """The article of one page, with its links and names as the whole has them."""

        def named(found: re.Match[str]) -> str:
            names = " ".join(self.place(document, name) for name in found["id"].split())
            return f'{found["start"]}{names}"'

        def linked(found: re.Match[str]) -> str:
            target = self._target(document, found["page"])
            if target is None or found["id"] not in self.ids[target]:
                return found[0]
            return f"{found['start']}#{self.place(target, found['id'])}"

        def led(found: re.Match[str]) -> str:
            target = self._target(document, found["page"])
            return found[0] if target is None else f'{found["start"]}#{self.anchor(target)}"'

        html = NAMED.sub(named, self.pages[document])
        html = PAGE.sub(led, PLACE.sub(linked, html))
        return with_files(html, (self.site / document).parent)

    def anchor(self, document: str) -> str:
        """The place where a page begins."""
        return f"page-{document.rpartition('/')[2]}"

    def html(self, title: str, about: str) -> str:
        """The whole file."""
        static = self.site / "_static"
        css = "\n".join(
            with_files((static / name).read_text(encoding="utf-8"), (static / name).parent)
            for name in STYLES
            if (static / name).is_file()
        )
        css += Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
        contents = "".join(
            (f"<p><strong>{escape(caption)}</strong></p>" if caption else "")
            + f'<a href="#{self.anchor(document)}">{self.titles[document]}</a>'
            for document, caption in self.captions.items()
        )
        chapters = "\n".join(
            f'<article class="bd-article chapter" id="{self.anchor(document)}">'
            f"{self.chapter(document)}</article>"
            for document in self.pages
        )
        return f"""<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{css}</style><script>{THEME}</script></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<h1>{escape(title)}</h1><p>{about}</p><nav class="edition" aria-label="Contents">{contents}</nav>
{chapters}
</div></div></main></body></html>
"""


def print_pdf(page: Path, pdf: Path) -> int:
    """Print the file, everything unfolded; the number of pages."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        raise SystemExit("the PDF needs Chromium and chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chromium.command_executor.client_config.timeout = PATIENCE
    try:
        chromium.get(page.as_uri())
        chromium.execute_script(
            "document.documentElement.dataset.theme = 'light';"
            "for (const fold of document.querySelectorAll('details')) fold.open = true;"
        )
        chromium.execute_async_script("document.fonts.ready.then(arguments[0])")
        number = (
            '<div style="width: 100%; font-size: 8px; text-align: center">'
            '<span class="pageNumber"></span></div>'
        )
        asked = {
            "displayHeaderFooter": True,
            "headerTemplate": "<span></span>",
            "footerTemplate": number,
            "preferCSSPageSize": True,
            "printBackground": True,
            "generateDocumentOutline": True,
        }
        printed = base64.b64decode(chromium.execute_cdp_cmd("Page.printToPDF", asked)["data"])
    finally:
        chromium.quit()
    pdf.write_bytes(printed)
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def main() -> int:
    """Write both files; 2 where the pages are not built."""
    if not (SITE / "index.html").is_file():
        print("the pages are not built: run `make book`", file=sys.stderr)
        return 2
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    landing = (SITE / "index.html").read_text(encoding="utf-8")
    checked = re.search(r"<p>(gru_sym .*?)</p>", landing, re.DOTALL)
    OUT.mkdir(parents=True, exist_ok=True)
    page, pdf = OUT / f"{NAME}.html", OUT / f"{NAME}.pdf"
    whole = Edition(SITE, toc).html(citation["title"], checked[1] if checked else "")
    page.write_text(whole, encoding="utf-8")
    print(f"{page.relative_to(ROOT)}: {len(whole.encode()) / 1e6:.1f} MB")
    print(f"{pdf.relative_to(ROOT)}: {print_pdf(page, pdf)} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())

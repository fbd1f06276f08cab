"""The built pages in a real browser, without a network.

Not part of `make test`: `make book site-test`. Skipped where the pages or the browser are missing,
unless GRU_SYM_REQUIRE_SITE=1 says that they must not be.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urlsplit

import book_rules
import pytest
import yaml

import gru_sym
from gru_sym import catalogue
from gru_sym.libraries.atlas import entries, evaluated
from gru_sym.web.catalogue_pages import (
    FAMILIES,
    anchor,
    count_in_example,
    family,
    family_of,
)

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = pytest.mark.site

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
TOC = book_rules.toc_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
PAGES = [f"{name}.html" for name in TOC]
PHONE_WIDTH = 390
MIN_CONTRAST = 4.5  # WCAG 2.1, level AA, for text of ordinary size
CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Every host but ours is unknown: the pages must do without a network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def missing(reason: str) -> None:
    """Skip, or fail where the site was promised."""
    if os.environ.get("GRU_SYM_REQUIRE_SITE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


# -------------------------------------------------------------------------- the server, the browser


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").is_file():
        missing("the pages are not built: run `make book`")
    return SITE


@pytest.fixture(scope="session")
def url(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory):
    names = ("google-chrome", "chromium", "chromium-browser")
    binary = next(filter(None, map(shutil.which, names)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        missing("no Chromium with its chromedriver on the PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in (*CHROMIUM_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chromium.set_page_load_timeout(60)
    chromium.set_script_timeout(240)  # axe-core takes a minute and more for the catalogue
    yield chromium
    chromium.quit()


WAIT_FOR_FONTS = """
const done = arguments[0];
document.fonts.ready.then(() => done(true), error => done(String(error)));
"""


LAY_OUT = """
const all = document.createElement('style');
all.textContent = 'article * { content-visibility: visible !important; }';
document.head.append(all);
"""


def visit(browser, address: str, *, width: int = 1280, mode: str = "light") -> None:
    """Load a page anew and wait until its fonts are there and all its parts are laid out."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": mode}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)  # forgets what earlier pages left
    browser.get(address)
    browser.execute_script(LAY_OUT)
    assert browser.execute_async_script(WAIT_FOR_FONTS) is True


def network_faults(browser, origin: str) -> list[str]:
    """Requests that failed, and requests to another host."""
    faults, asked = [], {}
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        method, params = message["method"], message["params"]
        if method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            asked[params["requestId"]] = address
            if urlsplit(address).scheme in ("http", "https") and not address.startswith(origin):
                faults.append(f"asks another host: {address}")
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            faults.append(f"{params['response']['status']}: {params['response']['url']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            faults.append(f"{params['errorText']}: {asked.get(params['requestId'])}")
    return faults


# ----------------------------------------------------------------------------------- in the browser


@pytest.mark.parametrize("page", PAGES)
def test_page_loads_without_error_or_network(browser, url: str, page: str):
    visit(browser, url + page)
    severe = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    faults = severe + network_faults(browser, url)
    assert not faults, "\n".join(faults)


RAW_MATHEMATICS = r"""
const article = document.querySelector('article').cloneNode(true);
article.querySelectorAll('pre, code, script, .katex').forEach(e => e.remove());
const text = article.textContent;
const raw = /\\begin\{|\$\$|\\\(|\\\[|\\displaystyle|\\frac|\{(glue|eq|cite|ref)\}/g;
return {
  promised: document.querySelectorAll('article .math, article .text_latex').length,
  typeset: document.querySelectorAll('article .katex').length,
  errors: [...document.querySelectorAll('.katex-error')].map(e => e.textContent.slice(0, 80)),
  tab_stops: document.querySelectorAll('article .math [tabindex]').length,
  raw: [...text.matchAll(raw)].map(m => text.slice(Math.max(0, m.index - 30), m.index + 40)),
  fonts: [...document.fonts].filter(
    f => f.family.includes('KaTeX') && f.status === 'loaded').length,
  broken: [...document.fonts].filter(f => f.status === 'error').map(f => f.family),
};
"""


@pytest.mark.parametrize("page", PAGES)
def test_mathematics_is_typeset(browser, url: str, page: str):
    visit(browser, url + page)
    found = browser.execute_script(RAW_MATHEMATICS)
    assert not found["errors"]
    assert not found["raw"]
    assert not found["broken"]
    assert found["tab_stops"] == 0
    assert found["typeset"] >= found["promised"]
    assert found["fonts"] > 0 or not found["typeset"]


NO_ICON = r"""
const there = new Set([...document.fonts].map(face => face.family.replace(/"/g, '')));
const empty = [];
for (const e of document.querySelectorAll('body *')) for (const side of ['::before', '::after']) {
  const style = getComputedStyle(e, side), family = style.fontFamily.split(',')[0];
  const drawn = /[\ue000-\uf8ff]/.test(style.content) && style.display !== 'none';
  if (drawn && !there.has(family.replace(/"/g, '')))
    empty.push(`${e.outerHTML.slice(0, 60)} ${side} needs ${family}`);
}
return empty;
"""


@pytest.mark.parametrize("page", PAGES)
def test_icons_of_the_styles_have_their_font(browser, url: str, page: str):
    """Otherwise a reader sees an empty box in the place of each."""
    visit(browser, url + page)
    assert not browser.execute_script(NO_ICON)


TOO_WIDE = """
const width = document.documentElement.clientWidth;
const article = document.querySelector('article');
const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
const wide = [];
const look = (box, parent, name) => {
  if (box.width === 0 || box.right <= width + 1) return;
  while (parent && parent !== article && !scrolls(parent)) parent = parent.parentElement;
  // Something inside the article must scroll.
  if (!parent || parent === article) wide.push(`${name} ends at ${Math.round(box.right)}`);
};
for (const e of article.querySelectorAll('*'))
  look(e.getBoundingClientRect(), e.parentElement, `<${e.tagName.toLowerCase()} ${e.className}>`);
// Text can stick out of a box that does not.
const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const range = document.createRange();
  range.selectNodeContents(node);
  look(range.getBoundingClientRect(), node.parentElement, JSON.stringify(node.data.slice(0, 60)));
}
return {page: document.documentElement.scrollWidth, width: width, wide: wide.slice(0, 10)};
"""


@pytest.mark.parametrize("page", PAGES)
def test_page_fits_a_phone(browser, url: str, page: str):
    visit(browser, url + page, width=PHONE_WIDTH)
    found = browser.execute_script(TOO_WIDE)
    assert not found["wide"]
    assert found["page"] <= found["width"]


CUT_OFF = """
const named = new RegExp(
  '^(all parameters|count|in numbers|numbers|parameters|total|verdict|stored|effective|evidence)$');
const cut = [];
for (const table of document.querySelectorAll('article table')) {
  let box = table.parentElement;
  while (box && getComputedStyle(box).overflowX !== 'auto') box = box.parentElement;
  const edge = Math.min(window.innerWidth, box ? box.getBoundingClientRect().right : Infinity);
  for (const head of table.querySelectorAll('th')) {
    const place = head.getBoundingClientRect();
    const name = head.textContent.trim();
    if (head.checkVisibility() && place.width && named.test(name) && place.right > edge + 1)
      cut.push(`${name} ends at ${Math.round(place.right)}, the box at ${Math.round(edge)}`);
  }
}
const clipped = [...document.querySelectorAll('article .cell_output pre')].filter(
  e => e.scrollWidth > e.clientWidth + 1);
return {cut: cut, clipped: clipped.map(e => e.textContent)};
"""


@pytest.mark.parametrize("width", [PHONE_WIDTH, 1366], ids=["phone", "laptop"])
@pytest.mark.parametrize("page", PAGES)
def test_answers_are_not_cut(browser, url: str, page: str, width: int):
    """The column that one has come for is seen at once, and nothing that is printed is clipped."""
    visit(browser, url + page, width=width)
    found = browser.execute_script(CUT_OFF)
    assert not found["cut"]
    assert not found["clipped"]


PLACES = {
    "book/claims.html": [f"C{i}" for i in range(1, 12)] + [f"claim-c{i}" for i in range(1, 12)],
    **{
        f"book/catalogue_{page}.html": [anchor(c.cell.name) for c in family(page)]
        for page in FAMILIES
    },
    "book/reference.html": [*(f"gru_sym.{name}" for name in gru_sym.__all__), "reference-commands"],
}
"""Addresses that others may have linked to: #C7, #gru-pytorch, #gru_sym.Cell."""


@pytest.mark.parametrize("page", PLACES)
def test_places_that_others_link_to_stay(site: Path, page: str):
    assert not set(PLACES[page]) - anchors(site / page).targets


def test_a_cell_has_a_heading_that_links_to_itself(browser, url: str):
    visit(browser, url + "book/catalogue_lstm.html#lstm-pytorch")
    heading = browser.execute_script("""
      const found = document.getElementById('lstm-pytorch').closest('h3');
      return [found.textContent, found.querySelector('a.headerlink').getAttribute('href')];
    """)
    assert heading == ["PyTorch’s nn.LSTM and nn.LSTMCell#", "#lstm-pytorch"]


def test_where_a_cell_once_was_leads_to_where_it_is(browser, site: Path, url: str):
    visit(browser, url + "book/catalogue.html")
    links = browser.execute_script("return [...document.links].map(link => link.href)")
    for name in catalogue:
        assert f"{url}book/catalogue_{family_of(name)}.html#{anchor(name)}" in links
    visit(browser, url + "book/catalogue.html#gru-dey-salem-1")
    there = "book/catalogue_gru.html#gru-dey-salem-1"
    WebDriverWait(browser, 20).until(lambda b: b.current_url == url + there)
    visit(browser, (site / "book/catalogue.html").as_uri() + "#minimal-mgu")
    WebDriverWait(browser, 20).until(lambda b: "/catalogue_other.html#minimal" in b.current_url)
    visit(browser, url + "book/catalogue.html#no-such-cell")
    assert browser.current_url.endswith("/catalogue.html#no-such-cell")


ROWS = """
const [box, words] = [document.querySelector('input.filter-rows'), arguments[0]];
box.value = words;
box.dispatchEvent(new Event('input'));
return [...document.querySelectorAll('section#all-cells tbody tr:not([hidden])')].map(
  row => row.cells[0].textContent.trim());
"""


def test_a_table_of_cells_is_filtered_and_sorted(browser, url: str):
    visit(browser, url + "book/catalogue.html")
    assert len(browser.execute_script(ROWS, "")) == len(catalogue)
    assert browser.execute_script(ROWS, "peeph onnx") == ["ONNX’s LSTM with peepholes"]
    assert browser.execute_script(ROWS, "296,448 keras") == [
        "Keras’ GRU with its default reset_after=True"
    ]
    assert browser.execute_script(ROWS, "no such cell") == []
    browser.execute_script(ROWS, "")
    counts = browser.execute_script("""
      document.querySelectorAll('section#all-cells th button')[1].click();
      return [...document.querySelectorAll('section#all-cells tbody tr')].map(
        row => row.cells[1].textContent.trim());
    """)
    assert counts == [f"{n:,}" for n in sorted(map(count_in_example, catalogue.values()))]


SCREEN = 768
LONGEST = 10  # screens of a laptop


# In the reference one looks something up.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "book/reference.html"])
def test_no_chapter_is_longer_than_one_reads(browser, url: str, page: str):
    visit(browser, url + page, width=1366)
    height = browser.execute_script("return document.querySelector('article').scrollHeight")
    assert height <= LONGEST * SCREEN, f"{height / SCREEN:.1f} screens"


POOR_CONTRAST = """
const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const over = (top, below) => {
  const alpha = top.length > 3 ? top[3] : 1;
  return [0, 1, 2].map(i => alpha * top[i] + (1 - alpha) * below[i]);
};
const background = e => {
  const own = parse(getComputedStyle(e).backgroundColor);
  const below = e.parentElement ? background(e.parentElement) : [255, 255, 255];
  return over(own, below);
};
const luminance = colour => {
  const [r, g, b] = colour.map(c => {
    c /= 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const poor = {};
const seen = {text: 0, output: 0};
for (const e of document.querySelectorAll('article *')) {
  if (e.closest('.headerlink, button, script, style, .katex-mathml, svg')) continue;
  const text = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!text || !e.getClientRects().length) continue;
  const behind = background(e);
  const colour = over(parse(getComputedStyle(e).color), behind);
  const [low, high] = [luminance(behind), luminance(colour)].sort((a, b) => a - b);
  const ratio = (high + 0.05) / (low + 0.05);
  seen[e.closest('.cell_output') ? 'output' : 'text'] += 1;
  if (ratio < arguments[0]) {
    const where = `<${e.tagName.toLowerCase()} class="${e.className}">`;
    poor[where] = `${where} ${ratio.toFixed(2)}: ${e.textContent.slice(0, 40)}`;
  }
}
return {mode: document.documentElement.dataset.theme, poor: Object.values(poor), seen: seen};
"""


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_text_and_outputs_are_legible(browser, url: str, page: str, mode: str):
    visit(browser, url + page, mode=mode)
    found = browser.execute_script(POOR_CONTRAST, MIN_CONTRAST)
    assert found["mode"] == mode
    assert found["seen"]["text"] > 0
    assert not found["poor"], "\n".join(found["poor"])


# ------------------------------------------------------------------------------------- in the files


class Anchors(HTMLParser):
    """Links of a page and the targets that it offers."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.targets: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.targets.update(filter(None, (given.get("id"), given.get("name"))))
        self.ids += filter(None, [given.get("id")])
        self.links += filter(None, (given.get("href"), given.get("src")))


@cache
def anchors(path: Path) -> Anchors:
    parser = Anchors()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def broken_links(page: Path) -> Iterator[str]:
    """Links to files or to places in files that are not there."""
    for link in anchors(page).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        path, fragment = urldefrag(link)
        path = unquote(path.split("?")[0])
        target = (page.parent / path).resolve() if path else page
        if not target.is_file():
            yield f"{link}: no such file"
        elif (
            fragment
            and "cell=" not in fragment  # a cell, for the field of that page
            and target.suffix == ".html"
            and unquote(fragment) not in anchors(target).targets
        ):
            yield f"{link}: no such place in that page"


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_resolve(site: Path, page: str):
    faults = list(broken_links(site / page))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", PAGES)
def test_no_two_places_have_one_name(site: Path, page: str):
    names = anchors(site / page).ids
    assert not {name for name in names if names.count(name) > 1}


@pytest.mark.parametrize("page", PAGES)
def test_page_bears_no_trace_of_its_builder(site: Path, page: str):
    html = (site / page).read_text(encoding="utf-8")
    assert str(ROOT) not in html
    assert "executablebooks/jupyter-book" not in html  # Jupyter Book's default repository


# ------------------------------------------------------------------------------------ weight, head


def sent(site: Path, browser, origin: str) -> dict[str, int]:
    """What the last visit asked for, and its bytes as a server sends them: text compressed."""
    weights = {}
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            address = message["params"]["request"]["url"]
            if address.startswith(origin):
                path = urlsplit(address).path.lstrip("/") or "index.html"
                data = (site / path).read_bytes()
                plain = path.endswith((".html", ".css", ".js", ".json", ".svg"))
                weights[path] = len(gzip.compress(data, 6) if plain else data)
    return weights


@pytest.mark.parametrize("page", ["index.html", *PAGES])
def test_page_is_light(browser, site: Path, url: str, page: str):
    visit(browser, url + page, width=PHONE_WIDTH)
    weights = sent(site, browser, url)
    landing = page.endswith("index.html")
    told = "\n".join(f"{weight:8d} {path}" for path, weight in sorted(weights.items()))
    assert sum(weights.values()) <= (150_000 if landing else 250_000), told
    assert len(weights) <= 18, told


def inaccessible(browser) -> list[str]:
    """What axe-core finds in the page as it is now, serious or critical."""
    script = ROOT / ".venv" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        missing("axe-core is not installed: run `make npm`")
    browser.execute_script(script.read_text(encoding="utf-8"))
    boxes = "pre, .cell_output > .output, .pst-scrollable-table-container"  # of scrolling.js
    # The search page has scripts of its own.
    settled = f"""
      return location.pathname.endsWith('/search.html') ||
        [...document.querySelectorAll(':is({boxes}):not([tabindex])')].every(
          box => box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight);
    """
    WebDriverWait(browser, 60).until(lambda b: b.execute_script(settled))  # scrolling.js is done
    found = browser.execute_async_script(
        "const done = arguments[0];"
        "axe.run({resultTypes: ['violations']}).then(r => done(r.violations));"
    )
    return [
        f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("page", [*PAGES, "search.html"])
def test_page_is_accessible(browser, url: str, page: str, mode: str):
    visit(browser, url + page, mode=mode)
    faults = inaccessible(browser)
    assert not faults, "\n".join(faults)


SORTED = """
const table = document.querySelector('.sort-column').closest('table');
const heads = [...table.tHead.rows[0].cells];
const column = heads.findIndex(head => head.textContent.trim() === 'stored');
return ['ascending', 'descending'].map(order => {
  heads[column].querySelector('button').click();
  return [heads[column].getAttribute('aria-sort') === order,
    [...table.tBodies[0].rows].map(row => Number(row.cells[column].textContent.replace(/,/g, '')))];
});
"""
FILTERED = """
const box = document.querySelector('.filter-rows');
box.value = arguments[0];
box.dispatchEvent(new Event('input'));
const tables = new Set([...document.querySelectorAll('.sort-column')].map(b => b.closest('table')));
return [...tables].map(table => [...table.tBodies[0].rows].filter(row => !row.hidden).map(
  row => [...row.cells].map(cell => cell.textContent.trim())));
"""


def test_tables_of_libraries_are_sorted_by_a_click_and_filtered_by_a_word(browser, site, url):
    """Without the script they are whole, plain tables: all of it is in the page as it is sent."""
    page = "book/libraries.html"
    sent_as = (site / page).read_text(encoding="utf-8")
    assert "sort-column" not in sent_as and "filter-rows" not in sent_as
    visit(browser, url + page)
    (up, ascending), (down, descending) = browser.execute_script(SORTED)
    assert up and down and len(set(ascending)) > 2
    assert ascending == sorted(ascending) and descending == sorted(ascending, reverse=True)
    whole = browser.execute_script(FILTERED, "")
    assert len(whole) == 4 and all(len(rows) > 2 for rows in whole)
    assert all(row[0] in sent_as for rows in whole for row in rows)
    gru, lstm, *_ = browser.execute_script(FILTERED, "Keras")
    assert gru and lstm and {row[0] for row in gru + lstm} <= {"Keras", "Keras 2’s CuDNN layers"}
    assert len(gru) < len(whole[0]) and len(lstm) < len(whole[1])


AT_OTHER_SIZES = """
const fields = [...document.querySelectorAll('.table-sizes input')];
const numbers = [...document.querySelectorAll('section table data')];
return arguments[0].map((words) => {
  fields.forEach((field, i) => { field.value = words[i]; });
  fields[0].dispatchEvent(new Event('input', {bubbles: true}));
  return numbers.map((number) => number.textContent);
});
"""


def test_tables_of_libraries_count_at_sizes_that_one_types(browser, url):
    """To the last digit; what is no size changes nothing."""
    visit(browser, url + "book/libraries.html")
    sizes = [(128, 256), (1, 1), (7, 5), (65_536, 2**61 + 1)]
    words = [[str(m), str(n)] for m, n in sizes]  # a browser's own numbers are not exact
    every = [entry for f in ("gru", "lstm", "rnn", "minimal") for entry in entries(f)]
    own = [entry for entry in every if entry.forms[0].biases]
    shown = browser.execute_script(AT_OTHER_SIZES, [*words, ["0", "5"], ["2.5", "x"]])
    assert shown[4] == shown[5] == shown[3]
    for (m, n), numbers in zip(sizes, shown, strict=False):
        right = [evaluated(entry.stored.count, entry.cell, m, n).value for entry in own]
        assert len(numbers) == 2 * len(own)
        assert [int(number.replace(",", "")) for number in numbers[::2]] == right
        assert all(int(b.replace(",", "")) <= a for a, b in zip(right, numbers[1::2], strict=True))


def test_titles_and_descriptions_answer(site: Path):
    heads = {page: (site / page).read_text(encoding="utf-8") for page in PAGES}
    titles = {p: unescape(re.findall("<title>(.*?)</title>", h)[0]) for p, h in heads.items()}
    said = re.compile('name="description" content="(.*?)"')
    told = {p: unescape(said.findall(h)[0]) for p, h in heads.items()}
    assert len(set(titles.values())) == len(set(told.values())) == len(PAGES)
    assert not {page: text for page, text in titles.items() if not 30 <= len(text) <= 95}
    assert not {page: text for page, text in told.items() if not 70 <= len(text) <= 170}


def test_landing_page_is_at_the_root(site: Path, browser, url: str):
    html = (site / "index.html").read_text(encoding="utf-8")
    assert "http-equiv" not in html
    assert not list(broken_links(site / "index.html"))
    visit(browser, url)
    assert not network_faults(browser, url)
    assert browser.title == re.findall("<title>(.*?)</title>", html)[0]


@pytest.mark.parametrize("page", PAGES)
def test_mathematics_needs_no_script(site: Path, page: str):
    html = (site / page).read_text(encoding="utf-8")
    assert not re.search(r"mathjax(?!_ignore)", html, re.IGNORECASE)
    assert not re.search(r'class="[^"]*\bmath notranslate[^>]*>\s*\\[(\[]', html)


SEARCHED = {
    "PyTorch GRU parameters": "index",
    "how many parameters": "index",
    "number of parameters in GRU": "index",
    "hidden_size": "notation",
    "LSTM": "gru_against_lstm",
    "GRU vs LSTM": "gru_against_lstm",
    "convert weights": "moving_weights",
    "two biases": "gpu",
    "1248": "counting",
}
"""What people type, and the page that they should see first."""
FOUND = """
const done = document.querySelector('.search-summary')?.textContent;
const links = [...document.querySelectorAll('#search-results ul.search > li > a:first-of-type')];
return /finished/.test(done) ? links.map(a => a.getAttribute('href')) : null;
"""


@pytest.mark.parametrize("query", SEARCHED)
def test_search_finds_what_answers_first(browser, url: str, query: str):
    visit(browser, f"{url}search.html?q={quote(query)}")
    end = time.monotonic() + 30
    while (found := browser.execute_script(FOUND)) is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found[0].split("#")[0].endswith(f"book/{SEARCHED[query]}.html"), found[:3]


def test_404_page(site: Path):
    assert "search.html" in (site / "404.html").read_text(encoding="utf-8")


def test_pages_are_those_of_the_toc(site: Path):
    built = {path.relative_to(site).as_posix() for path in (site / "book").rglob("*.html")}
    assert built == set(PAGES)

"""Pages, styles and scripts of the theme, rewritten as text. What is looked for must be there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import render
from .icons import CODE_POINT, Icons, subset

STYLES = (
    "basic.css",  # which the next one imports
    "styles/theme.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "mystnb.*.css",
    "copybutton.css",
    "exercise.css",
    "proof.css",
    "togglebutton.css",
    "sphinx-design.min.css",
)
"""Stylesheets of the theme and the extensions, in the order in which pages load them."""

ON_SOME = {
    "tables.js": ('id="which-library-stores-what"', 'id="all-cells"'),
    "moved.js": ('id="the-catalogue"',),
}
"""Scripts of the book that pages load if they have one of these places."""

OWN = "custom.css"
"""The book's own stylesheet."""

SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "scripts/sphinx-book-theme.js",
    "clipboard.min.js",
    "copybutton.js",
    "togglebutton.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
)
SETTINGS = """\
var togglebuttonSelector = ".toggle, .admonition.dropdown";
var toggleHintShow = "Show", toggleHintHide = "Hide", toggleOpenOnPrint = "true";
"""

LINK = r'[ \t]*<link [^>]*href="(?P<root>[^"]*)_static/{}[^"]*"[^>]*/>\n?'
SCRIPT = r'[ \t]*<script[^>]* src="[^"]*{}[^"]*"[^>]*></script>\n?'
INLINE = re.compile(
    r"[ \t]*<script>(?:let toggle|var togglebutton|window\.MathJax|DOCUMENTATION_OPTIONS\.)"
    r".*?</script>\n?"
)
IMPORT = re.compile(r"@import[^;]*basic\.css[^;]*;")
# Comments and space in a stylesheet, needless beside a brace; what is in quotes stays as it is.
GAP = r"(?:\s|/\*[^*]*\*+(?:[^/*][^*]*\*+)*/)"
KEPT = r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^"')]*\))"""
SPACE = re.compile(rf"{KEPT}|{GAP}*([{{}};]){GAP}*|{GAP}+", re.DOTALL)
PROPERTY = re.compile(r"""(?<=[{;])\s*(--[\w-]+)\s*:(?:[^;{}"']|"[^"]*"|'[^']*')*(?:;|(?=}))""")
NAMED = re.compile(r"--[\w-]+")
# The theme makes each box that scrolls a stop of the Tab key; scrolling.js does it without haste.
HASTE = '"complete"===document.readyState?I():window.addEventListener("load",I)'
FONT_SOURCES = re.compile(r"url\(fonts/([\w-]+)\.woff2\)[^;}]*")
FONT_AWESOME = re.compile(r"@font-face\s*\{[^}]*fontawesome[^}]*\}", re.IGNORECASE)


class ThemeChanged(Exception):
    """The theme writes its pages in another way than the one that is known here."""


def replace(pattern: str | re.Pattern[str], new: str, html: str, what: str) -> str:
    """Put the new text in the place of the first match; nothing to replace is an error."""
    done, found = re.subn(pattern, lambda _: new, html, count=1, flags=re.DOTALL)
    if not found:
        raise ThemeChanged(f"a page has no {what}")
    return done


def lean(html: str, *, search: bool) -> str:
    """One stylesheet, one deferred script; search files only where one searches."""
    first = re.search(LINK.format(re.escape(STYLES[1])), html)
    if first is None:
        raise ThemeChanged(f"a page does not load {STYLES[1]}")
    static = f"{first['root']}_static"
    html = html.replace(first[0], f'<link href="{static}/site.css" rel="stylesheet" />\n')
    for name in STYLES:
        html = re.sub(LINK.format(re.escape(name).replace(r"\*", '[^"]*')), "", html)
    html = re.sub(LINK.format(re.escape(OWN)), "", html)  # at the end of site.css
    html = re.sub(LINK.format("scripts/"), "", html)  # preloads
    html = re.sub(SCRIPT.format("scripts/fontawesome.js"), "", html)
    html = re.sub(SCRIPT.format("design-tabs.js"), "", html)
    html = re.sub(
        r'<meta name="viewport" content="width=device-width, initial-scale=1" ?/>', "", html
    )
    # docutils calls it a list, and its entries are none.
    html = html.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    # The arrow that opens a chapter's pages in the sidebar has no word.
    html = html.replace(
        '<summary><span class="toctree-toggle"',
        '<summary aria-label="Its pages"><span class="toctree-toggle"',
    )
    for name in SCRIPTS:
        # The search page's own scripts run at once and need the options.
        if not (search and name.startswith(("documentation", "doctools", "sphinx_h"))):
            html = re.sub(SCRIPT.format(re.escape(name)), "", html)
    for name, places in ON_SOME.items():
        if not any(place in html for place in places):
            html = re.sub(SCRIPT.format(re.escape(name)), "", html)
    if not search:
        html = INLINE.sub("", html)
        for name in ("searchtools.js", "language_data.js", "searchindex.js"):
            html = re.sub(SCRIPT.format(re.escape(name)), "", html)
    script = "site-search.js" if search else "site.js"
    tag = f'<script defer src="{static}/{script}"></script>\n</head>'
    return replace("</head>", tag, html, "head")


def with_head(html: str, head: str) -> str:
    """The page with its title and metadata."""
    return replace(r"<title>.*?</title>", head, html, "title")


def with_footer(html: str, footer: str) -> str:
    """The page with our footer in the theme's place."""
    return replace(r'<footer class="bd-footer-content">.*?</footer>', footer, html, "footer")


def as_code(html: str) -> str:
    """An option that one may copy, such as nonlinearity='relu', with the quotes of code."""
    return re.sub("=[‘’]([^‘’<]*)’", r"='\1'", html)


def once(html: str) -> str:
    """Each name of a place once: where another place has it already, no link leads."""
    seen: set[str] = set()

    def keep(found: re.Match[str]) -> str:
        again = found[1] in seen
        seen.add(found[1])
        return "" if again else found[0]

    return re.sub(r'(?<=[\w"])\s+id="([^"]*)"', keep, html)


def at_root(html: str) -> str:
    """The landing page, whose links start in `book/`, as the page of the folder above."""

    def moved(found: re.Match[str]) -> str:
        name, path = found.groups()
        if path.startswith("../"):
            return f'{name}="{path[3:]}"'
        return f'{name}="book/{path}"'

    html = html.replace('data-content_root="../"', 'data-content_root=""')
    html = html.replace("url(../_static/", "url(_static/")
    return re.sub(r'\b(href|src|action)="(?!#|/|[a-z]+:)([^"]+)"', moved, html)


def write_styles(static: Path, html: list[str], folder: Path, icons: Icons) -> None:
    """site.css: the rules in use, of theme and mathematics; fonts cut to what is written."""
    sheets = [next(iter(static.glob(name))).read_text(encoding="utf-8") for name in STYLES]
    katex = folder / "node_modules/katex/dist"
    mathematics = (katex / "katex.min.css").read_text(encoding="utf-8")
    mathematics = FONT_SOURCES.sub(r'url(fonts/\1.woff) format("woff")', mathematics)
    sheets = [IMPORT.sub("", FONT_AWESOME.sub("", sheet)) for sheet in (*sheets, mathematics)]
    css = "\n".join(render.purge(sheets, html, folder))
    css = css.replace('@charset "UTF-8";', "").replace("../vendor", "vendor")
    points = {int(code, 16) for code in CODE_POINT.findall(css)}
    (static / "icons.woff").write_bytes(subset(icons.file, points))
    face = (
        '@font-face{font-family:"Font Awesome 6 Free";font-weight:900;font-display:block;'
        'src:url(icons.woff) format("woff")}'
    )
    own = (static / OWN).read_text(encoding="utf-8") if (static / OWN).is_file() else ""
    css = tight(f"{face}\n{css}\n{own}", named(static, html))
    (static / "site.css").write_text(f'@charset "UTF-8";{css}', encoding="utf-8")
    (static / "fonts").mkdir(exist_ok=True)
    used, double = render.characters(html), render.double_struck(html)
    for name in sorted(set(re.findall(r"url\(fonts/([\w-]+)\.woff\)", css))):
        cut = subset(katex / "fonts" / f"{name}.ttf", double if "AMS" in name else used)
        (static / "fonts" / f"{name}.woff").write_bytes(cut)


def named(static: Path, html: list[str]) -> set[str]:
    """The custom properties that pages, scripts and the stylesheets beside site.css speak of."""
    files = {path for end in ("js", "css") for path in static.rglob(f"*.{end}")}
    files -= {static / "site.css", *(path for name in STYLES for path in static.glob(name))}
    texts = [path.read_text("utf-8") for path in files if "vendor" not in path.parts]
    return set(NAMED.findall("\n".join([*texts, *html])))


def tight(css: str, named: set[str]) -> str:
    """A stylesheet without comments, needless space, and custom properties not asked for."""
    css = SPACE.sub(lambda found: found[1] or found[2] or " ", css).strip()
    asked: set[str] = set()

    def spared(found: re.Match[str]) -> str:
        return found[0] if found[1] in asked else ""

    size = 0
    while size != (size := len(css)):  # what only such a property asked for goes with it
        asked = named | set(re.findall(r"var\(\s*(--[\w-]+)", css))
        css = PROPERTY.sub(spared, css)
    return css


def with_own_styles(html: str, static: Path, folder: Path) -> str:
    """A page that waits for no stylesheet: the rules that it uses are in it, and its other sheets.

    For the landing page alone, which most readers see first; others share what one has loaded.
    """
    sheet = LINK.format(r"(?P<name>[\w-]+\.css)")
    loaded = {found["name"]: found["root"] for found in re.finditer(sheet, html)}
    site, *more = [(static / name).read_text(encoding="utf-8") for name in loaded]
    css = "\n".join([*render.purge([site], [html], folder), *more])
    css = tight(css.replace('@charset "UTF-8";', ""), named(static, [html]))
    css = re.sub(r"url\((?=[\w-]+[./])", f"url({loaded['site.css']}_static/", css)
    html = re.sub(sheet, "", html)
    return replace("</head>", f"<style>{css}</style>\n</head>", html, "head")


def write_script(static: Path) -> None:
    """site.js: the theme's scripts in order; site-search.js: those that a search page lacks."""
    own = {name: (static / name).read_text(encoding="utf-8") for name in SCRIPTS}
    own = {name: re.sub(r"\n//# sourceMappingURL=.*", "", text) for name, text in own.items()}
    if HASTE not in own[SCRIPTS[-1]]:
        raise ThemeChanged("the theme's script makes boxes stops of the Tab key in another way")
    own[SCRIPTS[-1]] = own[SCRIPTS[-1]].replace(HASTE, "0")
    own["scrolling.js"] = (Path(__file__).parent / "scrolling.js").read_text(encoding="utf-8")
    (static / "site.js").write_text(SETTINGS + "\n;\n".join(own.values()), encoding="utf-8")
    later = "\n;\n".join(text for name, text in own.items() if name not in SCRIPTS[:3])
    (static / "site-search.js").write_text(SETTINGS + later, encoding="utf-8")


SEARCH = {
    # What a search shows of a page: its sentences.
    '[".headerlink", "script", "style"]': (
        '[".headerlink, script, style, .katex-mathml, .katex-display, pre, summary, h1",'
        ' "svg, table, .gru-calculator, .gru-live"]'
    ),
    "querySelector('[role=\"main\"]')": 'querySelector("article")',
    # Numbers are words, too.
    "stopwords.indexOf(queryTermLower) !== -1 ||\n        queryTerm.match(/^\\d+$/)": (
        "stopwords.indexOf(queryTermLower) !== -1"
    ),
}


def fix_search(file: Path, said: dict[str, list[str]]) -> None:
    """What a search finds first, given each page's title and description, and what it quotes."""
    text = file.read_text(encoding="utf-8")
    for old, new in SEARCH.items():
        if old not in text:
            raise ThemeChanged(f"searchtools.js has no {old}")
        text = text.replace(old, new)
    own = (Path(__file__).parent / "search.js").read_text(encoding="utf-8")
    file.write_text(own.replace("SAID = {}", f"SAID = {json.dumps(said)}") + text, encoding="utf-8")

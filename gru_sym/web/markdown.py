"""As much of Markdown as the package's own tables and sentences have, in HTML."""

from __future__ import annotations

import re
from html import escape

from gru_sym.render import table_html

INLINE = re.compile(r"\$(?P<tex>[^$]+)\$|`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*")
COLUMNS = re.compile(r"(?<!\\)\|")


def as_html(text: str) -> str:
    r"""Tables, paragraphs, `code`, bold words; formulas as `<gru-tex>`, for a script to typeset.

    >>> print(as_html("| a | $n_1$ |\n| --- | --- |\n| x | `3 < 4` |"))
    <table><thead><tr><th>a</th><th><gru-tex>n_1</gru-tex></th></tr></thead><tbody>
    <tr><td>x</td><td><code>3 &lt; 4</code></td></tr>
    </tbody></table>
    >>> as_html("**Two** lines\nin one.")
    '<p><strong>Two</strong> lines\nin one.</p>'
    """
    return "\n".join(_block(block) for block in re.split(r"\n\s*\n", text.strip()))


def _block(block: str) -> str:
    if not block.startswith("|"):
        return f"<p>{_inline(block)}</p>"
    head, _, *rows = map(_entries, block.splitlines())
    return table_html(head, rows)


def _entries(line: str) -> list[str]:
    entries = (entry.strip().replace(r"\|", "|") for entry in COLUMNS.split(line.strip(" |")))
    return [_inline(entry) for entry in entries]


def _inline(text: str) -> str:
    parts, end = [], 0
    for found in INLINE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        kind, inside = next((k, v) for k, v in found.groupdict().items() if v is not None)
        tag = {"tex": "gru-tex", "code": "code", "bold": "strong"}[kind]
        parts.append(f"<{tag}>{escape(inside)}</{tag}>")
        end = found.end()
    return "".join([*parts, escape(text[end:])])

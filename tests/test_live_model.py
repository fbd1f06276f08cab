"""A reader's own file explained in the page, beside the command line: `make book site-test`."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from live_page import LivePage
from test_explain import save_safetensors
from test_hostile_files import HOSTILE, VALID, entries, f32, header
from test_live import forgetful  # noqa: F401  fixture
from test_site import browser, inaccessible, missing, network_faults, site, url, visit  # noqa: F401
from torch import nn

from gru_sym import explain
from gru_sym.cli.main import main
from gru_sym.explanation.contents import FileError
from gru_sym.web.replies import explain_chosen

PAGE = "book/your_model.html"
MODEL = nn.ModuleDict(
    {"embed": nn.Embedding(7, 4), "encoder": nn.GRU(4, 3, num_layers=2, bidirectional=True)}
)


N = 65536
END = 12 * N * N
LARGE = header(
    entries(weight_ih_l0=f32([3 * N, N], 0, END), weight_hh_l0=f32([3 * N, N], END, 2 * END))
)
"""The header of a hundred gigabytes."""


def in_the_page(name: str, raw: bytes) -> dict:
    return explain_chosen(name, len(raw), lambda start, end: raw[start:end])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_the_command_lines_sentence(name, tmp_path, capsys):
    (tmp_path / name).write_bytes(HOSTILE[name])
    assert main(["explain", str(tmp_path / name)]) == 2
    said = " ".join(in_the_page(name, HOSTILE[name])["error"]["text"].split())
    assert capsys.readouterr().err == f"gru_sym: {said}\n"


@pytest.mark.parametrize("name", VALID)
def test_a_file_is_explained_as_on_the_command_line(name, tmp_path, capsys):
    (tmp_path / name).write_bytes(VALID[name])
    main(["explain", str(tmp_path / name)])
    assert capsys.readouterr().out.strip() == in_the_page(name, VALID[name])["text"]


def test_a_file_of_another_kind_is_refused_with_the_kinds_that_there_are():
    with pytest.raises(FileError) as caught:
        explain("notes.docx")
    assert in_the_page("notes.docx", b"PK")["error"]["text"] == str(caught.value)


def test_a_file_that_is_gone_is_told():
    def gone(start: int, end: int) -> bytes:
        raise OSError("NotReadableError")

    found = explain_chosen("model.npz", 10**6, gone)
    assert found == {"error": {"text": "model.npz cannot be read: NotReadableError"}}


def test_of_a_large_file_the_header_alone_is_read():
    seen = []

    def stretch(start: int, end: int) -> bytes:
        seen.append(end)
        return LARGE[start:end]

    found = explain_chosen("large.safetensors", len(LARGE) + 2 * END, stretch)
    assert found["found"]["total"] == 6 * N * N
    assert max(seen) <= len(LARGE)


# ----------------------------------------------------------------------------- in a real browser


class Words(HTMLParser):
    """The words of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += data.split()


STATE = """
const at = name => document.getElementById(`gru-model-${name}`);
return {
  words: at('answer').innerHTML, error: at('error').hidden ? '' : at('error').textContent,
  status: at('status').textContent, start: document.getElementById('gru-model').dataset.start,
  stoppable: !at('stop').hidden,
};
"""

DROP = """
const file = new File([arguments[1]], arguments[0]);
const data = new DataTransfer();
data.items.add(file);
document.getElementById('gru-model').dispatchEvent(
  new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
"""


class Field(LivePage):
    """The field for a file."""

    box, element, absent, script = "gru-model", "gru-model-file", "field for a file", STATE

    def choose(self, path: Path) -> dict:
        """What is answered."""
        self.browser.find_element("id", "gru-model-file").send_keys(str(path))
        return self.answered()

    def answered(self) -> dict:
        return self.until(lambda state: state["words"] or state["error"])


def here(path: Path) -> tuple[list[str], str]:
    """The words and the error that the page should show."""
    try:
        return words(explain(path)._repr_html_()), ""
    except FileError as error:
        return [], str(error)


def words(html: str) -> list[str]:
    parser = Words()
    parser.feed(html)
    return parser.found


@pytest.mark.site
def test_a_reader_chooses_a_file(browser, url: str, forgetful, tmp_path):  # noqa: F811
    forgetful()
    field = Field(browser, url + PAGE)
    assert not [e for e in browser.get_log("performance") if "python.zip" in e["message"]]
    save_safetensors(tmp_path / "mine.safetensors", MODEL.state_dict())
    state = field.choose(tmp_path / "mine.safetensors")
    assert words(state["words"]) == words(explain(tmp_path / "mine.safetensors")._repr_html_())
    assert "encoder: PyTorch GRU" in state["words"]
    assert not inaccessible(browser)
    faults = network_faults(browser, url)
    sent = [e for e in browser.get_log("performance") if '"POST"' in e["message"]]
    assert not faults and not sent

    for name, raw in {**VALID, **HOSTILE}.items():
        (tmp_path / name).write_bytes(raw)
        state = field.choose(tmp_path / name)
        assert (words(state["words"]), state["error"]) == here(tmp_path / name)
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.write(LARGE)
        file.truncate(len(LARGE) + 2 * END)
    assert "25,769,803,776" in field.choose(tmp_path / "large.safetensors")["words"]


@pytest.mark.site
def test_a_file_is_dropped_on_a_later_visit_and_offline(browser, url: str, forgetful):  # noqa: F811
    field = Field(browser, url + PAGE)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*://*.gz*"]})
    browser.execute_script(DROP, "notes.txt", "words")
    assert "notes.txt cannot be read" in field.answered()["error"]
    assert field.state["start"] == "snapshot"
    browser.execute_script(DROP, "short.safetensors", "words")
    assert "the file has 5" in field.answered()["error"]

"""The live cell: its answers beside this Python's, and its page in a real browser.

Like `test_site.py` it looks at the built pages, but for the first tests: `make book site-test`.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from live_page import LivePage
from test_site import (  # noqa: F401  fixtures
    QuietHandler,
    browser,
    missing,
    network_faults,
    site,
    url,
    visit,
)

from gru_sym import CellError, catalogue, cell
from gru_sym.cells import Cell
from gru_sym.cli.main import main
from gru_sym.web.answer import answer, effective
from gru_sym.web.replies import explain_chosen, reply

ROOT = Path(__file__).resolve().parent.parent
PACK = ROOT / "_build" / "live"
PAGE = "book/your_own_cell.html"
GRU = cell("gru.pytorch").text
SIZES = {"m": 8, "n": 16}
MOST_BYTES = 6_500_000  # on the wire, for the first visit
LONGEST_BLOCK = 50  # milliseconds for which nothing else happens in the page


# ------------------------------------------------------------------------------------ the answers


@pytest.mark.parametrize("name", catalogue)
def test_it_says_what_the_command_line_says(name: str, capsys: pytest.CaptureFixture[str]):
    others = {"p": 4, "k": 3, "r": 2, "d": 5}
    found = answer(catalogue[name].text, SIZES | others)
    main(["show", name, "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [found[k] for k in ("formula", "factored", "latex", "states")] == [
        shown[k] for k in ("formula", "factored", "latex", "states")
    ]
    for mine, theirs in zip(found["parameters"], shown["parameters"], strict=True):
        assert [mine[k] for k in ("name", "shape", "role", "gate", "formula")] == [
            theirs[k] for k in ("name", "shape", "role", "gate", "count")
        ]
    given = {"m": ["-m", "8"], "n": ["-n", "16"]}
    given |= {size: ["--set", f"{size}={number}"] for size, number in others.items()}
    sizes = [word for name in found["size_names"] for word in given[name]]
    main(["count", name, *sizes, "--json"])
    counted = json.loads(capsys.readouterr().out)
    for count in ("count", "weights", "biases"):
        assert found[count] == str(counted[count])
    assert sum(int(p["count"]) for p in found["parameters"]) == counted["count"]
    for library, code in found["code"].items():
        main(["code", name, "--library", library])
        heading, *rest = capsys.readouterr().out.splitlines()
        assert code["text"].splitlines()[1:] == rest or name in heading


def test_how_many_count_is_said_as_on_the_command_line(capsys: pytest.CaptureFixture[str]):
    found = effective(GRU, SIZES)
    main(["effective", "gru.pytorch", "-m", "8", "-n", "16"])
    sentence, *families = capsys.readouterr().out.splitlines()
    assert found["sentence"] == sentence
    assert [f"{f['count']} redundant: {f['sentence']}" for f in found["families"]] == families


@pytest.mark.parametrize("text", ["h' = tahn(W @ x)", "h' = tanh(W @ h + x)", "", "h' = (", "\0"])
def test_a_mistake_is_told_with_its_place(text: str):
    with pytest.raises(CellError) as caught:
        Cell(text)
    for ask in (answer, effective):
        error = ask(text)["error"]
        assert error["text"] == str(caught.value)
        place = caught.value.place
        assert error["place"] == {"line": place.line, "column": place.column, "end": place.end}


def test_a_count_beyond_the_numbers_of_javascript_keeps_its_digits():
    found = answer("h' = tanh(U @ h)", {"n": 10**20 + 1})
    assert found["count"] == str((10**20 + 1) ** 2)


def test_without_a_number_for_each_size_there_is_a_formula():
    assert answer(GRU, {"m": 8})["count"] is None
    assert answer(GRU, {"m": 8})["formula"] == str(cell("gru.pytorch").count())


# --------------------------------------------------------------------------------------- the pack


@pytest.mark.site
def test_pyodide_answers_byte_for_byte_as_this_python():
    record = PACK.with_name("live_answers.json")
    if not record.is_file():
        missing("the live cell was not packed: run `make book`")
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from live_pack import exercise, models
    finally:
        sys.path.pop(0)
    asked = [(ask, text) for text in exercise() for ask in ("answer", "effective")]
    files = list(models().items())
    answers = json.loads(record.read_text(encoding="utf-8"))
    assert len(answers) == len(asked) + len(files) > 50
    for (ask, text), there in zip(asked, answers, strict=False):
        assert there == reply(json.dumps({"ask": ask, "text": text, "sizes": SIZES})), text
    for (name, raw), there in zip(files, answers[len(asked) :], strict=True):
        found = explain_chosen(name, len(raw), lambda start, end, raw=raw: raw[start:end])
        assert json.loads(there) == found, name


@pytest.mark.site
def test_the_pack_is_light(site: Path):  # noqa: F811
    folder = site / "_static" / "gru-live"
    if not folder.is_dir():
        missing("the book was built without its live cell")
    assert 0 < sum(path.stat().st_size for path in folder.glob("*.gz")) < MOST_BYTES


# ----------------------------------------------------------------------------- in a real browser


STATE = """
const at = name => document.getElementById(`gru-live-${name}`);
const box = document.getElementById('gru-live');
return {
  status: at('status').textContent,
  count: at('answer').querySelector('.gru-live-count strong')?.textContent.replace(/\\D/g, ''),
  proof: at('answer').querySelector('.gru-live-proof')?.textContent ?? '',
  error: at('error').hidden ? null : at('error').innerText,
  marked: at('mark').querySelector('mark')?.textContent,
  start: box.dataset.start, kept: box.dataset.kept, offline: box.dataset.offline,
  startable: !at('start').hidden, stoppable: !at('stop').hidden,
  old: at('answer').classList.contains('gru-live-old'),
  formulas: at('answer').querySelectorAll('math').length,
  reasons: at('answer').querySelectorAll('td details').length,
  code: [...at('answer').querySelectorAll('.gru-live-code pre')].map(pre => pre.textContent),
};
"""


class LiveCell(LivePage):
    """The field for a cell."""

    box, element, absent, script = "gru-live", "gru-live-text", "live cell", STATE

    def type(self, text: str) -> None:
        script = """const field = document.getElementById('gru-live-text');
        field.value = arguments[0]; field.dispatchEvent(new Event('input'));"""
        self.browser.execute_script(script, text)

    def counted(self, count: int) -> dict:
        return self.until(lambda s: s["count"] == str(count) and not s["old"] and not s["error"])


@pytest.fixture
def forgetful(browser, url: str):  # noqa: F811
    """A browser that was never here."""
    yield lambda: browser.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": url.rstrip("/"), "storageTypes": "all"}
    )
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


@pytest.mark.site
def test_a_reader_types_a_cell(browser, url: str, forgetful):  # noqa: F811
    forgetful()
    live = LiveCell(browser, url + PAGE)
    state = live.state
    assert state["startable"] and state["count"] is None  # nothing is loaded for a look
    assert not [e for e in browser.get_log("performance") if "python.zip" in e["message"]]
    live.click("start")
    live.until(lambda s: s["start"] == "ordinary" and s["count"])
    live.type(GRU)
    state = live.counted(1248)
    assert state["formulas"] > 10 and state["reasons"] == 12
    assert "def step(" in state["code"][0] and "import torch" in state["code"][1]
    assert "export function step(" in state["code"][2]
    state = live.until(lambda s: "1216 of 1248 parameters count" in s["proof"])
    assert "b_ir and b_hr occur only as their sum" in state["proof"]

    live.type("r  = sigmoid(W @ x)\nh' = (1 - r) * h + r * tahn(W @ h)")
    state = live.until(lambda s: s["error"])
    assert state["marked"] == "tahn" and "did you mean tanh?" in state["error"]
    assert state["count"] == "1248" and state["old"]  # the last good one stays, greyed
    live.type("h' = tanh(U @ h)")
    live.counted(256)
    assert parse_qs(urlsplit(browser.current_url).fragment)["cell"] == ["h' = tanh(U @ h)"]
    logged = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert not [message for message in logged if "gru-live" in message]
    assert not network_faults(browser, url)

    # The browser keeps the memory; the next visit starts from it, and asks for nothing.
    live.until(lambda s: s["kept"] == "yes")
    live = LiveCell(browser, browser.current_url)
    assert live.state["startable"]
    live.click("start")
    live.counted(256)
    assert live.state["start"] == "snapshot"
    assert not [e for e in browser.get_log("performance") if ".gz" in e["message"]]
    live.type(GRU)
    live.until(lambda s: "1216 of 1248 parameters count" in s["proof"])


SPOILT = """
const [done] = arguments;
(async () => {
  const [name] = (await caches.keys()).filter(name => name.startsWith('gru-live-'));
  const store = await caches.open(name);
  const [kept] = (await store.keys()).filter(request => request.url.includes('snapshot'));
  const response = await store.match(kept);
  const headers = {Digest: response.headers.get('Digest')};
  const bytes = new Uint8Array(await response.arrayBuffer());
  await store.put(kept, new Response(bytes.fill(7, bytes.length / 2), {headers}));
})().then(() => done(true), error => done(String(error)));
"""


@pytest.mark.site
def test_a_spoilt_snapshot_is_not_used(browser, url: str, forgetful):  # noqa: F811
    live = LiveCell(browser, url + PAGE)
    live.click("start")
    live.until(lambda s: s["start"] == "snapshot" or s["kept"])
    assert browser.execute_async_script(SPOILT) is True
    live = LiveCell(browser, url + PAGE)
    live.click("start")
    live.type("h' = tanh(U @ h)")
    live.counted(256)
    assert live.state["start"] == "ordinary"


SLOW = "\n".join(
    [f"g{i} = sigmoid(A{i} @ (B{i} @ x) + U{i} @ h + b{i})" for i in range(24)]
    + [f"h' = {' + '.join(f'g{i} * h' for i in range(24))} + tanh(C @ (D @ x))"]
)
"""Seconds are needed to prove its count."""


@pytest.mark.site
def test_stop_ends_a_proof_and_what_is_typed_then_is_answered(browser, url: str):  # noqa: F811
    live = LiveCell(browser, url + PAGE)
    live.click("start")
    live.until(lambda s: s["count"])
    live.type(SLOW)
    live.until(lambda s: "being proved" in s["proof"] and s["stoppable"] and not s["old"])
    live.click("stop")
    live.until(lambda s: s["status"] == "Stopped.")
    assert "Stopped" in live.state["proof"]
    live.type("h' = tanh(U @ h)")
    live.counted(256)


@pytest.mark.site
def test_it_works_offline_once_it_is_there(browser, url: str, forgetful):  # noqa: F811
    live = LiveCell(browser, url + PAGE)
    live.click("start")
    live.until(lambda s: s["count"])
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*://*"]})
    live.type(SLOW)
    live.until(lambda s: s["stoppable"] and "being proved" in s["proof"])
    live.click("stop")
    live.until(lambda s: s["status"] == "Stopped.")
    live.type(GRU)
    live.counted(int(cell("gru.pytorch").count(**SIZES)))


@pytest.fixture
def book_in_a_folder(site: Path, tmp_path: Path):  # noqa: F811
    """A copy of the book below a server's root: its address, its folder, what stops the server."""
    shutil.copytree(site, folder := tmp_path / "gru", ignore=shutil.ignore_patterns("_sources"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    yield f"http://127.0.0.1:{server.server_port}/gru/", folder, stop
    if thread.is_alive():
        stop()


WORKERS = """
const [done] = arguments;
navigator.serviceWorker.getRegistrations().then(found => done(found.map(r => r.scope)));
"""


@pytest.mark.site
def test_the_page_comes_back_without_a_network_and_is_never_stale(browser, book_in_a_folder):  # noqa: F811
    address, folder, stop = book_in_a_folder
    live = LiveCell(browser, address + PAGE)
    assert browser.execute_async_script(WORKERS) == []  # nothing is kept for a look
    live.click("start")
    live.until(lambda s: s["count"] and s["offline"] == "yes" and s["kept"] == "yes")
    assert browser.execute_async_script(WORKERS) == [address]
    html = (folder / PAGE).read_text(encoding="utf-8")
    (folder / PAGE).write_text(html.replace("<title>", "<title>Anew: ", 1), encoding="utf-8")
    visit(browser, address + PAGE)
    assert browser.title.startswith("Anew: ")
    stop()
    live = LiveCell(browser, address + PAGE)
    assert browser.title.startswith("Anew: ")
    assert live.state["startable"]
    live.click("start")
    live.type(GRU)
    live.counted(1248)
    assert live.state["start"] == "snapshot"
    live.until(lambda s: "1216 of 1248 parameters count" in s["proof"])


BLOCKS = """
window.blocks = [];
new PerformanceObserver(list => list.getEntries().forEach(e => blocks.push(e.duration)))
  .observe({type: 'longtask'});
"""


@pytest.mark.site
def test_noise_is_answered_and_the_page_never_hangs(browser, url: str):  # noqa: F811
    live = LiveCell(browser, url + PAGE)
    browser.execute_script(BLOCKS)
    live.click("start")
    live.until(lambda s: s["count"])
    for noise in ("(" * 100_000, "é~\t" * 33_000, "h' = " + "U @ (" * 20_000, "x\n" * 50_000):
        live.type(noise)
        live.until(lambda s: s["error"])
        live.type("h' = tanh(U @ h)")
        live.counted(256)
    # `make bench` measures it; two shared cores add to it.
    blocks = browser.execute_script("return blocks")
    assert max(blocks, default=0) < 10 * LONGEST_BLOCK, blocks


@pytest.mark.site
def test_where_the_worker_is_refused_the_page_is_whole(browser, url: str):  # noqa: F811
    script = "window.Worker = class { constructor() { throw new Error('refused'); } };"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        live = LiveCell(browser, url + PAGE)
        live.click("start")
        state = live.until(lambda s: "could not" in s["status"])
        assert state["startable"]
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.site
def test_from_a_folder_it_says_what_it_needs(browser, site: Path):  # noqa: F811
    live = LiveCell(browser, (site / PAGE).as_uri())
    live.click("start")
    assert "python -m http.server" in live.until(lambda s: s["status"])["status"]

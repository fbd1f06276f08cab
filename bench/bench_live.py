"""The live cell in Chromium: bytes on the wire, processor seconds to the first count, long tasks.

Bounds of the project: 6.5 MB; 3.5 s on the first visit, 0.7 s on later ones; no block of 50 ms. The
seconds are those of the machine on which they were set, where `import sympy` takes 0.25: the same
import is timed here, and the bounds are in proportion to it.
Needs the built pages (`make book`), Chromium and Linux's /proc.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

COUNTED = """
const [done] = arguments;
const shown = document.getElementById('gru-live-answer');
const look = () => shown.querySelector('.gru-live-count') && done();
new MutationObserver(look).observe(shown, {childList: true, subtree: true});
"""
TICKS = os.sysconf("SC_CLK_TCK")
MOST = {"first visit": 3.5, "later visit": 0.7}
UNIT = 0.25
"""Processor seconds of `import sympy` where the bounds were set."""


def descendants(pid: int) -> list[int]:
    """A process and all that it started."""
    started = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        started += [int(child) for child in task.read_text().split()]
    return [pid, *(found for child in started for found in descendants(child))]


def renderer_seconds(pid: int) -> float:
    """Processor seconds of the browser's renderers so far, all threads."""
    total = 0
    for found in descendants(pid):
        folder = Path(f"/proc/{found}")
        if b"--type=renderer" in (folder / "cmdline").read_bytes():
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def main() -> None:
    """One first visit, and one later visit."""
    if not (ROOT / "_build" / "html" / "_static" / "gru-live").is_dir():
        print("the pages are not built: run `make book`")
        return
    from processes import run_once
    from selenium import webdriver
    from test_live import BLOCKS, PAGE, LiveCell
    from test_site import CHROMIUM_OPTIONS, SITE, QuietHandler

    unit = min(run_once([sys.executable, "-c", "import sympy"])[1] for _ in range(5))
    print(f"`import sympy`: {unit:.2f} CPU s, {unit / UNIT:.1f} times as where the bounds were set")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
        for option in (*CHROMIUM_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        browser = webdriver.Chrome(options=options, service=service)
        browser.set_script_timeout(120)
        for visit, most in MOST.items():
            live = LiveCell(browser, f"http://127.0.0.1:{server.server_port}/{PAGE}")
            browser.execute_script(BLOCKS)
            before = renderer_seconds(service.process.pid)
            live.click("start")
            browser.execute_async_script(COUNTED)  # no looking meanwhile: that costs time, too
            seconds = renderer_seconds(service.process.pid) - before
            live.until(lambda s: "parameters count" in s["proof"])
            live.until(lambda s: s["kept"] == "yes" or s["start"] == "snapshot")
            longest = max(browser.execute_script("return blocks"), default=0)
            within = most * unit / UNIT
            print(
                f"{visit}: {received(browser):,} bytes, {seconds:.2f} CPU s to the first count "
                f"(at most {within:.2f}: {'kept' if seconds <= within else 'over the bound'}), "
                f"longest task of the page {longest:.0f} ms, start: {live.state['start']}"
            )
        browser.quit()
    server.shutdown()


def received(browser) -> int:
    """Bytes that came over the wire for the live cell."""
    asked, total = set(), 0
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        params = message["params"]
        if message["method"] == "Network.requestWillBeSent" and "gru-live" in str(params):
            asked.add(params["requestId"])
        elif message["method"] == "Network.loadingFinished" and params["requestId"] in asked:
            total += int(params["encodedDataLength"])
    return total


if __name__ == "__main__":
    main()

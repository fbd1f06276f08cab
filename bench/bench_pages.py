"""Lighthouse on the built pages, from a server that compresses: scores, and what a phone waits for.

Bounds of the project, on the mobile preset: the landing page at least 95 in every category, first
content within 1.8 s, largest within 2.0 s, no shift; every other page at least 90.
The preset slows the processor down by 4, for a fast desktop; on a weaker machine by less, as its
makers say how (`slowdown`). The machine's index stands beside each page: on a busy one it moves.
Needs the built pages (`make book`), Chromium, and Lighthouse, which `make bench` installs.
Usage: bench_pages.py [PAGE... | all], such as book/counting.html; else the landing page and two.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gru_sym.web.node import node

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
LIGHTHOUSE = ROOT / ".venv" / "lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
UNTIMED = "404.html"  # only to learn how fast the machine is
PAGES = ("index.html", "book/counting.html", "book/catalogue.html")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = {
    "first content, s": ("first-contentful-paint", 1000),
    "largest, s": ("largest-contentful-paint", 1000),
    "blocked, s": ("total-blocking-time", 1000),
    "shift": ("cumulative-layout-shift", 1),
}
LANDING = {"first content, s": 1.8, "largest, s": 2.0, "shift": 0.0}
PRESET = 4.0
BENCHMARK = ((150, 1), (800, 2), (1300, 3), (1533, PRESET))
"""From index to slowdown, between them in proportion: Lighthouse's docs/throttling.md, "Calibrating
the CPU slowdown", and the calculator that it links to, github.com/patrickhulce/
lighthouse-cpu-throttling-calculator, pages/index.js, which goes on above the preset."""
FLAGS = "--headless --no-sandbox --disable-gpu --no-first-run"
BROWSERS = ("google-chrome", "chromium", "chromium-browser")


class Compressed(SimpleHTTPRequestHandler):
    """Serves text with gzip, as GitHub Pages does, and is quiet."""

    def do_GET(self) -> None:
        """The file, compressed if it is text."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        data, kind = path.read_bytes(), self.guess_type(str(path))
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml"))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if text:
            data = gzip.compress(data, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def slowdown(index: float) -> float:
    """By how much a machine with this index is slowed down to be like a telephone."""
    low, least = BENCHMARK[0]
    if index <= low:
        return least
    for high, most in BENCHMARK[1:]:
        if index <= high:
            return round(least + (most - least) * (index - low) / (high - low), 2)
        low, least = high, most
    return PRESET


def measure(address: str, browser: str, *flags: str) -> dict[str, Any]:
    """Lighthouse's report of one page; what `flags` do not say is as in the mobile preset."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [
                *(node(), LIGHTHOUSE, address, "--quiet", "--output=json", *flags),
                *(f"--output-path={report}", f"--chrome-flags={FLAGS}"),
            ],
            check=True,
            env=os.environ | {"CHROME_PATH": browser},
        )
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def row(name: str, report: dict[str, Any]) -> tuple[str, bool]:
    """One line of the table, and whether it is within the bounds."""
    scores = [round(100 * report["categories"][c]["score"]) for c in CATEGORIES]
    found = {
        told: report["audits"][audit]["numericValue"] / unit
        for told, (audit, unit) in METRICS.items()
    }
    kept = round(report["audits"]["total-byte-weight"]["numericValue"] / 1000)
    landing = name.startswith("index.html")
    well = min(scores) >= (95 if landing else 90)
    well &= not landing or all(round(found[told], 2) <= most for told, most in LANDING.items())
    words = [f"{value:8.2f}" for value in found.values()]
    slower = report["configSettings"]["throttling"]["cpuSlowdownMultiplier"]
    machine = f"{slower:>8}{report['environment']['benchmarkIndex']:>8.0f}"
    line = f"{name:34}{'/'.join(map(str, scores)):>18}{''.join(words)}{kept:7} kB{machine}"
    return line, bool(well)


def faults(report: dict[str, Any]) -> list[str]:
    """What Lighthouse finds wrong, but for the speed, in its own words."""
    judged = [ref for c in CATEGORIES[1:] for ref in report["categories"][c]["auditRefs"]]
    wanted = {ref["id"] for ref in judged if ref["weight"]}
    return [
        f"    {audit['title']}"
        for name, audit in report["audits"].items()
        if name in wanted and audit["score"] is not None and audit["score"] < 1
    ]


def main(pages: list[str]) -> int:
    """Measure the pages named, the landing page also as a laptop shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    missing = {
        "the pages are not built: run `make book`": not (SITE / "index.html").is_file(),
        "Lighthouse is not installed: run `make bench`": not LIGHTHOUSE.is_file(),
        "no Chromium on the PATH": browser is None,
    }
    if any(missing.values()):
        print(next(told for told, is_so in missing.items() if is_so))
        return 0
    assert browser is not None
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: Compressed(*given, directory=str(SITE))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}/"
    if pages == ["all"]:
        pages = ["index.html", *(f"book/{path.name}" for path in sorted((SITE / "book").iterdir()))]
    views = [(page, False) for page in pages or PAGES] + [("index.html", True)] * (not pages)
    head = "".join(f"{told.split(',')[0].split()[0]:>8}" for told in METRICS)
    print(f"{'page':34}{'/'.join(c[:4] for c in CATEGORIES):>18}{head}    weight  slowed   index")
    index = math.inf  # the preset as it is, where the machine's index cannot be had
    for page, desktop in [(UNTIMED, False), *views]:
        slower = f"--throttling.cpuSlowdownMultiplier={slowdown(index)}"
        flags = [f"--only-categories={','.join(CATEGORIES)}", slower]
        if desktop:
            flags[1:] = ["--preset=desktop"]
        if page == UNTIMED:
            flags = ["--only-audits=viewport"]
        try:
            found = measure(site + page.removesuffix("index.html"), browser, *flags)
        except subprocess.CalledProcessError:
            print(f"{page:34}not measured: Lighthouse gave up, as it does on a busy machine")
            continue
        index = found["environment"]["benchmarkIndex"]
        if page != UNTIMED:
            line, well = row(page + " (laptop)" * desktop, found)
            line += "" if well else "  over the bound"
            print(line, *faults(found), sep="\n", flush=True)
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a reader does on the built pages, in Chromium and in Firefox: `make book site-test`."""

# The fixtures of the built site are used by name.
# ruff: noqa: F811
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from firefox import Firefox  # noqa: E402
from test_live import GRU, STATE  # noqa: E402
from test_site import browser, missing, site, url  # noqa: E402, F401

from gru_sym import Layer, cell  # noqa: E402

pytestmark = pytest.mark.site

PATIENCE = 120  # seconds, for Python to start in the page


class Chromium:
    """The browser of the other tests, with the same words as Firefox."""

    def __init__(self, driver: Any) -> None:
        self.get, self.execute_script = driver.get, driver.execute_script
        self.driver = driver

    def press(self, keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(keys).perform()


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    try:
        started = Firefox()
    except FileNotFoundError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"{error}: only Chromium is tried")
    yield started
    started.quit()


@pytest.fixture(params=["chromium", "firefox"])
def reader(request: pytest.FixtureRequest, browser) -> Chromium | Firefox:
    if request.param == "firefox":
        found: Firefox = request.getfixturevalue("firefox")
        return found
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return Chromium(browser)


def type_over(reader: Chromium | Firefox, field: str, text: str) -> None:
    """Press the keys of a text in a field whose contents are selected."""
    script = "const e = document.getElementById(arguments[0]); e.focus(); e.select();"
    reader.execute_script(script, field)
    reader.press(text)


def until(reader: Chromium | Firefox, script: str, holds: Callable[[Any], bool]) -> Any:
    """What the script returns as soon as something holds of it."""
    end = time.monotonic() + PATIENCE
    while not holds(found := reader.execute_script(script)):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


NUMBER = "return document.getElementById('gru-number').textContent.trim()"


def test_a_reader_changes_library_and_sizes(reader: Chromium | Firefox, url: str):
    reader.get(url)
    assert reader.execute_script(NUMBER) == "296,448"
    reader.execute_script("document.getElementById('gru-key').focus()")
    chosen = "return document.getElementById('gru-key').value"
    reader.press("Keras")  # as one chooses in a list with the keyboard
    assert reader.execute_script(chosen) == "keras/GRU"
    for name, text in (("m", "300"), ("n", "512"), ("L", "2")):
        type_over(reader, f"gru-{name}", text)
    reader.execute_script("document.getElementById('gru-both').click()")
    layer = Layer(cell("gru.keras"), 2, bidirectional=True)
    assert reader.execute_script(NUMBER) == f"{layer.count(m=300, n=512):,}"
    sent = reader.execute_script("return location.href")
    reader.get(sent)  # as a colleague opens it
    assert reader.execute_script(NUMBER) == f"{layer.count(m=300, n=512):,}"


def test_a_reader_types_a_cell_and_comes_again(reader: Chromium | Firefox, site: Path, url: str):
    if not (site / "_static" / "gru-live").is_dir():
        missing("the book was built without its live cell")
    start = "document.getElementById('gru-live-start').click()"
    reader.get(f"{url}book/your_own_cell.html")
    reader.execute_script(start)
    until(reader, STATE, lambda s: s["count"])
    type_over(reader, "gru-live-text", "h' = tanh(U @ h)")
    until(reader, STATE, lambda s: s["count"] == "256" and not s["old"])
    script = """const field = document.getElementById('gru-live-text');
    field.value = arguments[0]; field.dispatchEvent(new Event('input'));"""
    reader.execute_script(script, GRU)
    state = until(reader, STATE, lambda s: "1216 of 1248 parameters count" in s["proof"])
    assert state["count"] == "1248" and state["formulas"] > 10
    # The browser keeps the memory of Python; the next visit starts from it.
    until(reader, STATE, lambda s: s["start"] == "snapshot" or s["kept"] == "yes")
    reader.get(f"{url}book/your_own_cell.html")
    reader.execute_script(start)
    state = until(reader, STATE, lambda s: s["count"] and s["start"])
    assert state["start"] == "snapshot"

"""The calculator on the built landing page, in a real browser: what a reader does with it."""

# The fixtures of the built site are used by name.
# ruff: noqa: F811
from __future__ import annotations

import json
from pathlib import Path

import pytest
from calculator import COUNTED, counted, settings

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_site import browser, network_faults, site, url, visit  # noqa: F401

from gru_sym import Layer, cell

pytestmark = pytest.mark.site

PAGE = "book/index.html"
FIRST_SCREENS = {"laptop": (1366, 768), "phone": (390, 844)}

LONG = ("#pytorch/LSTM?m=1&n=65536&L=1000&p=3&both", f"#pytorch/GRU?m={'9' * 100}&n=1")


def at(browser, name: str):
    return browser.find_element(By.ID, f"gru-{name}")


def type_in(browser, name: str, text: str) -> None:
    """Select what is there and type over it, as one does."""
    at(browser, name).send_keys(Keys.CONTROL, "a")
    at(browser, name).send_keys(text)


def number(browser) -> str:
    return at(browser, "number").text


def test_the_answer_follows_what_is_typed(browser, url: str):
    """300, 512, two layers, both directions: no more and no less than that is typed."""
    visit(browser, url + PAGE)
    assert number(browser) == "296,448"
    for name, text in (("m", "300"), ("n", "512"), ("L", "2")):
        type_in(browser, name, text)
    at(browser, "both").click()
    layer = Layer(cell("gru.pytorch"), 2, bidirectional=True)
    assert number(browser) == f"{layer.count(m=300, n=512):,}"
    assert "bidirectional=True" in at(browser, "code").text
    assert not network_faults(browser, url)


def test_another_library_and_another_cell(browser, url: str):
    visit(browser, url + PAGE)
    browser.find_element(
        By.CSS_SELECTOR, "#gru-key option[value='keras/GRU/reset_after=False']"
    ).click()
    assert number(browser) == "295,680" and "units" in at(browser, "field-n").text
    assert at(browser, "effective").text.startswith("All of them count")
    browser.find_element(By.CSS_SELECTOR, "[name=family][value=LSTM]").send_keys(Keys.SPACE)
    assert at(browser, "key").get_attribute("value") == "keras/LSTM"
    assert number(browser) == f"{cell('lstm.keras').count(m=128, n=256):,}"
    at(browser, "bare").click()
    assert number(browser) == f"{4 * 256 * (128 + 256):,}"


def test_thousands_of_settings_to_the_last_digit(browser, url: str):
    visit(browser, url + PAGE)
    given = settings(3_000, seed=4)
    ask = f"const {{ read, answer }} = gruCalculator, states = arguments[0]; return {COUNTED}"
    found = browser.execute_script(ask, [state for _, state in given])
    assert len(found) == 3_000
    for (choice, state), answer in zip(given, found, strict=True):
        assert answer == counted(choice, state), (choice.label, state)


def test_what_is_served_is_what_the_script_shows(browser, url: str):
    """So that nothing moves when the script takes over."""
    visit(browser, url + PAGE)
    rendered = """
      const fresh = document.createElement("div");
      fresh.innerHTML = gruCalculator.calculator(gruCalculator.START);
      const served = document.getElementById("gru-calculator").cloneNode(true);
      served.querySelector("noscript").remove();
      return [served.innerHTML, fresh.innerHTML];
    """
    served, again = browser.execute_script(rendered)
    assert served == again


@pytest.mark.parametrize("typed", ["0", "-3", "1e5", "2.5", "", "word " * 400, "9" * 400])
def test_bad_input_is_told_beside_its_field_and_nothing_breaks(browser, url: str, typed: str):
    visit(browser, url + PAGE)
    type_in(browser, "n", Keys.DELETE)
    ask = """const field = document.getElementById('gru-n');
      field.value = arguments[0]; field.dispatchEvent(new Event('input', {bubbles: true}));"""
    browser.execute_script(ask, typed)
    fault = at(browser, "fault-n").text
    assert fault and at(browser, "n").get_attribute("aria-invalid") == "true"
    assert at(browser, "n").get_attribute("aria-describedby") == "gru-fault-n"
    assert number(browser) == "296,448"  # the last good answer, greyed
    assert "gru-stale" in at(browser, "answer").get_attribute("class")
    type_in(browser, "n", "16")
    assert not at(browser, "fault-n").text
    assert number(browser) == f"{cell('gru.pytorch').count(m=128, n=16):,}"
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]


def test_an_address_can_be_sent_to_a_colleague(browser, url: str):
    visit(browser, url + PAGE)
    browser.find_element(By.CSS_SELECTOR, "[name=family][value=LSTM]").send_keys(Keys.SPACE)
    for name, text in (("m", "65536"), ("n", "65536"), ("L", "1000"), ("p", "64")):
        type_in(browser, name, text)
    at(browser, "both").click()
    at(browser, "bare").click()
    sent, shown = browser.current_url, number(browser)
    visit(browser, sent)
    assert number(browser) == shown
    assert at(browser, "both").is_selected() and at(browser, "bare").is_selected()
    assert at(browser, "p").get_attribute("value") == "64"


@pytest.mark.parametrize("fragment", ["#pytorch/GRU?n=0", "#tensor/flow?m=1", "#%E0%A4%A?", "#why"])
def test_an_address_that_asks_for_nonsense(browser, url: str, fragment: str):
    visit(browser, url + PAGE + fragment)
    m = 1 if fragment.endswith("m=1") else 128
    assert number(browser) == f"{cell('gru.pytorch').count(m=m, n=256):,}"
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    assert bool(at(browser, "note").text) == fragment.startswith("#tensor")
    assert bool(at(browser, "fault-n").text) == fragment.endswith("n=0")


def test_a_reader_copies_the_code_and_follows_why(browser, url: str):
    given = {"origin": url.rstrip("/"), "permissions": ["clipboardReadWrite"]}
    browser.execute_cdp_cmd("Browser.grantPermissions", given)
    visit(browser, url + PAGE)
    type_in(browser, "n", "512")
    button = browser.find_element(By.CSS_SELECTOR, "#gru-code .gru-copy")
    button.click()
    WebDriverWait(browser, 10).until(lambda _: button.text == "copied")
    copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert "torch.nn.GRU" in copied and "hidden_size=512" in copied
    browser.find_element(By.LINK_TEXT, "Why").click()
    why = browser.find_element(By.CSS_SELECTOR, "#how-many-count a[href^='redundancy.html']")
    assert "6n" in browser.find_element(By.ID, "how-many-count").text
    why.click()
    heading = browser.find_element(By.CSS_SELECTOR, "article h1")
    assert heading.text.startswith("How many parameters count")


def test_it_works_from_a_folder(browser, site: Path):
    visit(browser, (site / PAGE).as_uri() + "#keras/LSTM?m=8&n=16")
    assert number(browser) == f"{cell('lstm.keras').count(m=8, n=16):,}"
    type_in(browser, "n", "32")
    assert number(browser) == f"{cell('lstm.keras').count(m=8, n=32):,}"
    assert browser.current_url.endswith("#keras/LSTM?m=8&n=32")


def test_it_is_complete_without_a_script(browser, url: str):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(url + PAGE)
        shown = browser.find_element(By.ID, "gru-calculator").text
        assert all(said in shown for said in ("296,448", "PyTorch", "Keras", "395,264", "6n"))
        assert not at(browser, "form").is_displayed() and not at(browser, "link").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("screen", FIRST_SCREENS)
def test_the_first_screen_answers(browser, url: str, screen: str):
    width, height = FIRST_SCREENS[screen]
    visit(browser, url + PAGE, width=width)
    seen = browser.execute_script(
        """const words = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const range = document.createRange();
          range.selectNodeContents(node);
          const {bottom, width} = range.getBoundingClientRect();
          const shown = width && node.parentElement.checkVisibility();
          if (shown && bottom <= arguments[0]) words.push(node.data);
        }
        return words.join(" ");""",
        height,
    )
    assert all(said in seen for said in ("How many parameters", "PyTorch", "296,448", "LSTM"))
    assert "395,264" in seen and "295,936" in seen
    assert "Show code" not in seen
    assert "Keras" in seen or screen == "phone"


def test_every_field_has_a_name_and_can_be_reached_with_the_keyboard(browser, url: str):
    visit(browser, url + PAGE)
    chosen = "#gru-form :is(input, select):not([hidden] *)"
    fields = browser.find_elements(By.CSS_SELECTOR, chosen)
    assert len(fields) >= 9 and all(field.accessible_name for field in fields)
    browser.find_element(By.CSS_SELECTOR, "[name=family]:checked").send_keys("")
    reached = []
    for _ in range(9):
        active = browser.switch_to.active_element
        reached.append(active.get_attribute("id"))
        active.send_keys(Keys.TAB)
    assert reached[1:6] == ["gru-key", "gru-m", "gru-n", "gru-L", "gru-both"]
    assert at(browser, "number").get_attribute("aria-live") == "polite"
    assert json.loads(json.dumps(number(browser))) == "296,448"


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("fragment", LONG)
def test_long_numbers_stay_inside(browser, url: str, width: int, fragment: str):
    visit(browser, url + PAGE + fragment, width=width)
    wide = browser.execute_script(
        """const box = document.getElementById('gru-calculator').getBoundingClientRect();
        const right = (e) => e.getBoundingClientRect().right;
        return [...document.querySelectorAll('#gru-calculator :is(p, td, th, code, output, svg)')]
          .filter((e) => e.getClientRects().length && right(e) > box.right + 1)
          .map((e) => e.outerHTML.slice(0, 80));"""
    )
    assert not wide


def test_only_the_landing_page_loads_it(site: Path):
    loading = [
        p.relative_to(site).as_posix()
        for p in site.rglob("*.html")
        if "gru-calculator.js" in p.read_text("utf-8")
    ]
    assert sorted(loading) == ["book/index.html", "index.html"]  # the landing page, twice

"""Pictures of the landing page as it was built: laptop, phone, both in the dark, and for chats.

    make book pictures

Needs Chromium and its chromedriver on the PATH.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from selenium import webdriver

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "_build" / "html" / "book" / "index.html"
BROWSERS = ("google-chrome", "chromium", "chromium-browser")
SCREENS = {"first-page": (1366, 768), "phone": (390, 844)}
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
CARD = (1200, 630)
ALONE = """
const style = document.createElement('style');
style.textContent = '.bd-sidebar-primary, .bd-header-article { display: none !important }'
  + '.gru-button { display: none } .bd-article-container { zoom: 1.12 }';
document.head.append(style);
"""
READY = """
const done = arguments[0];
document.fonts.ready.then(() => setTimeout(done, 300));
"""


def card(chromium: webdriver.Chrome) -> None:
    """What chats show of the book: title and calculator, large."""
    width, height = CARD
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
    chromium.get(PAGE.as_uri())
    chromium.execute_script(ALONE)
    chromium.execute_async_script(READY)
    path = ROOT / "book" / "_static" / "card.png"
    chromium.save_screenshot(str(path))
    print(path.relative_to(ROOT))


def main() -> int:
    """Take every picture; 2 where something is missing."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        print("pictures need Chromium and chromedriver on the PATH", file=sys.stderr)
        return 2
    if not PAGE.is_file():
        print("the pages are not built: run `make book`", file=sys.stderr)
        return 2
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        for name, (width, height) in SCREENS.items():
            for mode in ("light", "dark"):
                size = {"width": width, "height": height, "deviceScaleFactor": 1}
                phone = {"mobile": width < 600}
                chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | phone)
                feature = {"name": "prefers-color-scheme", "value": mode}
                chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
                chromium.get("about:blank")
                chromium.get(PAGE.as_uri())
                chromium.execute_async_script(READY)
                path = ROOT / "docs" / f"{name}{'-dark' * (mode == 'dark')}.png"
                chromium.save_screenshot(str(path))
                print(path.relative_to(ROOT))
        card(chromium)
    finally:
        chromium.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())

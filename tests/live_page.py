"""A box with Python in it on a built page, as a reader uses it."""

from __future__ import annotations

import time

from test_site import missing, visit


class LivePage:
    """One kind of box: its id on the page, the element that it must have, and what is looked at.

    Attributes
    ----------
    script : JavaScript that returns the state, an object.
    patience : seconds.
    """

    box = element = script = absent = ""
    patience = 60

    def __init__(self, browser, address: str) -> None:
        self.browser = browser
        visit(browser, address)
        there = "return !!document.getElementById(arguments[0])"
        if not browser.execute_script(there, self.element):
            missing(f"the book was built without its {self.absent}")

    @property
    def state(self) -> dict:
        return self.browser.execute_script(self.script)

    def click(self, name: str) -> None:
        self.browser.execute_script(f"document.getElementById('{self.box}-{name}').click()")

    def until(self, holds) -> dict:
        """The state as soon as something holds of it."""
        end = time.monotonic() + self.patience
        while not holds(state := self.state):
            assert time.monotonic() < end, state
            time.sleep(0.05)
        return state

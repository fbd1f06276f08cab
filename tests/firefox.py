"""Firefox without a driver's program: it speaks WebDriver BiDi, a standard of the W3C, itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from websocket import create_connection  # websocket-client, which selenium brings

NAMES = ("firefox-esr", "firefox")
SETTINGS = """\
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""
PATIENCE = 60  # seconds for one answer


class Firefox:
    """One tab of a new Firefox with a profile of its own.

    Raises
    ------
    FileNotFoundError: no Firefox on the PATH.
    """

    def __init__(self) -> None:
        binary = next(filter(None, map(shutil.which, NAMES)), None)
        if binary is None:
            raise FileNotFoundError("no Firefox on the PATH")
        self.profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        (self.profile / "user.js").write_text(SETTINGS, encoding="utf-8")
        asked = [binary, "--headless", "--no-remote", "--remote-debugging-port=0"]
        self.process = subprocess.Popen(
            [*asked, "--profile", str(self.profile)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.numbers = count(1)
        self.socket = create_connection(self._address(), timeout=PATIENCE, suppress_origin=True)
        self.ask("session.new", capabilities={})
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def _address(self) -> str:
        """Where it listens, which it writes into its profile."""
        written, end = self.profile / "WebDriverBiDiServer.json", time.monotonic() + 2 * PATIENCE
        while not (text := written.read_text("utf-8") if written.is_file() else ""):
            assert time.monotonic() < end and self.process.poll() is None, "Firefox does not listen"
            time.sleep(0.1)
        place = json.loads(text)
        return f"ws://{place['ws_host']}:{place['ws_port']}/session"

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command's result; what is told in between is passed over."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    def get(self, address: str) -> None:
        """Load a page, and wait until it has."""
        self.ask("browsingContext.navigate", context=self.tab, url="about:blank", wait="complete")
        self.ask("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def execute_script(self, body: str, *arguments: Any) -> Any:
        """What the body of a function returns, as selenium's method of this name."""
        given = json.dumps(arguments)
        whole = "(_, value) => value ?? null"  # what is undefined, too
        call = f"() => JSON.stringify((function() {{{body}}})(...{given}) ?? null, {whole})"
        done = self.ask(
            "script.callFunction",
            functionDeclaration=call,
            target={"context": self.tab},
            awaitPromise=False,
        )
        assert done["type"] == "success", done
        return json.loads(done["result"]["value"])

    def press(self, keys: str) -> None:
        """Press keys one after the other, in what has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.ask(
            "input.performActions",
            context=self.tab,
            actions=[{"type": "key", "id": "keyboard", "actions": actions}],
        )

    def quit(self) -> None:
        """End it; its profile goes with it."""
        self.socket.close()
        self.process.terminate()
        self.process.communicate()
        shutil.rmtree(self.profile, ignore_errors=True)

"""A headless Chromium for tests, driven over its DevTools protocol."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--remote-debugging-port=0",
)  # fmt: skip
START_S, ANSWER_S = 60.0, 60.0


class Browser:
    """One page in a browser of its own; a context manager that leaves no process behind.

    Raises:
        RuntimeError: there is no Chromium, or it does not start.
    """

    def __init__(self, width: int = 1280, height: int = 800) -> None:
        program = (
            shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        )
        if program is None:
            raise RuntimeError("these tests need Chromium: apt-get install chromium")
        self._home = tempfile.TemporaryDirectory(prefix="iedf-browser-", ignore_cleanup_errors=True)
        size = f"--window-size={width},{height}"
        command = [program, *FLAGS, size, f"--user-data-dir={self._home.name}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._number = 0
        self._stack = ExitStack()
        self._socket = self._stack.enter_context(self._connected())
        self.send("Page.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self._process.terminate()
        self._process.wait(20)
        self._home.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(ANSWER_S))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return dict(message["result"])

    def open(self, address: str) -> None:
        """Load a page anew, even one that is shown already, and wait until it is there."""
        for url in ("about:blank", address):
            self.run("window.isOld = true")
            self.send("Page.navigate", url=url)
            self.wait("!window.isOld && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", script))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Wait until an expression is true.

        Raises:
            TimeoutError: it does not become so.
        """
        deadline = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not: {condition}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """Press and release a key, by its name in JavaScript's `event.key`."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def screenshot(self, path: Path) -> None:
        """Save what is seen as a PNG file."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def _connected(self) -> AbstractContextManager[ClientConnection]:
        port_file = Path(self._home.name) / "DevToolsActivePort"
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if port_file.exists() and len(lines := port_file.read_text("utf-8").split()) == 2:
                return self._page(int(lines[0]), lines[1])
            time.sleep(0.05)
        self._process.kill()
        raise RuntimeError("Chromium did not start")

    def _page(self, port: int, browser_path: str) -> AbstractContextManager[ClientConnection]:
        with connect(f"ws://127.0.0.1:{port}{browser_path}", max_size=None) as whole:
            whole.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            while "result" not in (answer := json.loads(whole.recv(ANSWER_S))):
                pass
            page = next(one for one in answer["result"]["targetInfos"] if one["type"] == "page")
        return connect(f"ws://127.0.0.1:{port}/devtools/page/{page['targetId']}", max_size=None)

"""A real HTTP server that speaks the OpenAI form of a vision model, and answers as a test wants."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "some-vision-model"
GOOD: dict[str, Any] = {
    "changed": True,
    "what": "the cup moved",
    "instruction": 5,
    "preservation": 4,
    "artefacts": "",
}


@dataclass
class Reply:
    """What is answered: a status, and a body; what is no text is the JSON content of a message.

    Attributes:
        broken: what is sent instead, as it is, and the connection closed.
    """

    content: Any = None
    status: int = 200
    wait_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    broken: bytes = b""


@dataclass
class VisionServer:
    """A server while it runs.

    Attributes:
        reply: what a question, counted from 1, is answered.
        asked: the questions' bodies so far.
        most: questions that were under way at once.
    """

    address: str
    reply: Callable[[int], Reply]
    asked: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    most: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def pictures(self, number: int) -> list[bytes]:
        """The pictures of a question."""
        content = self.asked[number]["messages"][0]["content"]
        urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
        return [base64.b64decode(url.partition(",")[2]) for url in urls]

    def words(self, number: int) -> str:
        """The words of a question."""
        return str(self.asked[number]["messages"][0]["content"][-1]["text"])

    def answer(self, body: dict[str, Any], token: str | None) -> Reply:
        with self.lock:
            self.asked.append(body)
            self.tokens.append(token)
            number = len(self.asked)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        reply = self.reply(number)
        time.sleep(reply.wait_s)
        with self.lock:
            self.under_way -= 1
        return reply


@contextmanager
def vision_server(reply: Callable[[int], Reply] = lambda _: Reply(GOOD)) -> Iterator[VisionServer]:
    """A server at an address of its own while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(Reply(), {"data": [{"id": MODEL}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told = server.answer(body, self.headers.get("Authorization"))
            text = told.content if isinstance(told.content, str) else json.dumps(told.content)
            self._send(told, {"choices": [{"message": {"role": "assistant", "content": text}}]})

        def _send(self, told: Reply, content: dict[str, Any]) -> None:
            if told.broken:
                self.wfile.write(told.broken)
                self.close_connection = True
                return
            data = json.dumps(content).encode()
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(data)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(data)
            except OSError:
                return  # whoever asked has gone

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = VisionServer(f"http://127.0.0.1:{http.server_address[1]}/v1", reply)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

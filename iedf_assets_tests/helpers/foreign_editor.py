"""An editor of another project behind a real HTTP server: good, and bad in every way that editors are."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

from iedf_assets.core.arrays import Pixels
from iedf_assets_tests.helpers.asking import packed, unpacked

NAME = "their-editor"


def _good(photo: Pixels, mask: Pixels) -> Pixels:
    inside = cv2.GaussianBlur(mask, (0, 0), 2)[..., None] / 255
    other = np.roll(photo, 1, axis=2)[:, ::-1]
    return np.asarray(np.clip(photo * (1 - inside) + other * inside, 0, 255), np.uint8)


def _moved(photo: Pixels, shift: float, zoom: float) -> Pixels:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, zoom)
    matrix = np.hstack([matrix[:, :2], matrix[:, 2:] + shift])
    return np.asarray(cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def _over_eager(photo: Pixels, mask: Pixels) -> Pixels:
    made = _good(photo, mask)
    height = made.shape[0]
    made[: height // 4] = 255 - made[: height // 4]
    return made


MANNERS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "good": _good,
    "shifted": lambda photo, mask: _moved(_good(photo, mask), 3.0, 1.0),
    "zoomed": lambda photo, mask: _moved(_good(photo, mask), 0.0, 1.02),
    "recoloured": lambda photo, mask: np.clip(_good(photo, mask) * np.array([1.1, 1.0, 0.85]), 0, 255).astype(
        np.uint8
    ),
    "lazy": lambda photo, _: photo,
    "over-eager": _over_eager,
}


@contextmanager
def foreign_editor() -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the manner in which it made each request, by the row's key: by turns."""
    manners: dict[str, str] = {}
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/readyz"
            self._send(
                200 if known else 404, {"ready": True, "backend": NAME, "model": "v1"} if known else {}
            )

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = asked["request_id"].partition(".")[0]
            with lock:
                names = list(MANNERS)
                manner = manners.setdefault(key, names[len(manners) % len(names)])
            photo, mask = unpacked(asked["image_b64"]), unpacked(asked["mask_b64"])
            rgb = np.asarray(photo[..., :3][..., ::-1], np.uint8)
            self._send(
                200,
                {"result_image_b64": packed(MANNERS[manner](rgb, mask if mask.ndim == 2 else mask[..., 0]))},
            )

        def _send(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}", manners
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

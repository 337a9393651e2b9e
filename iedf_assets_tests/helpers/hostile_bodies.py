"""Requests that no client would send to a service."""

import base64
import random
from collections.abc import Iterator
from typing import Any

from skimage import data

from iedf_assets.core.pictures.codecs import encode_png


def bodies(seed: int, count: int = 300) -> Iterator[bytes | Any]:
    """Bad base64, huge claims, escapes from the roots, wrong types, nested nonsense, binary junk."""
    chance = random.Random(seed)
    small = base64.b64encode(encode_png(data.coffee()[:64, :64])).decode()
    huge = bytearray(encode_png(data.coffee()[:8, :8]))
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    paths = [
        "/etc/passwd", "../../../etc/passwd", "root/../../x", "/proc/self/environ", "/dev/urandom",
        "~/.ssh/id_rsa", "file:///etc/passwd", "\\\\host\\share", "\ud800", "a\0b",
        "", " ", "." * 300, "/" * 4000, "/dev/stdin",
    ]  # fmt: skip
    values: list[Any] = [
        None, True, -1, 1e308, 2**70, "", "x", [], {}, [[[]]], {"a": {"b": []}}, small, small[:-7], "é" * 9,
        base64.b64encode(bytes(huge)).decode(), base64.b64encode(chance.randbytes(999)).decode(), *paths,
    ]  # fmt: skip
    keys = [
        "request_id", "sample_id", "image_path", "image_b64", "mask_path", "mask_b64", "prompt", "return_b64",
        "save_cache", "item", "source_b64", "files",
    ]  # fmt: skip
    for number in range(count):
        kind = number % 5
        if kind == 0:
            yield chance.randbytes(chance.randrange(2000))
        elif kind == 1:
            yield chance.choice(
                [b"[" * 50_000, b'{"request_id":' * 3000, b'"x"', b"NaN", b"{}", b"null", b""]
            )
        elif kind == 2:
            yield {"request_id": f"f{number}", "image_path": chance.choice(paths)}
        elif kind == 3:
            item = {
                key: chance.choice(values) for key in ("key", "path", "layers", "recipe", "layers_folder")
            }
            yield {"request_id": f"f{number}", "item": item, "source_b64": small}
        else:
            yield {key: chance.choice(values) for key in chance.sample(keys, chance.randrange(1, 8))}

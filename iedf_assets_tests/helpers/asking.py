"""Requests to real services and what to make of the answers, for tests."""

import base64
from typing import Any

import cv2
import httpx
import numpy as np
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png
from iedf_assets_tests.helpers.serving import Running

COFFEE = data.coffee()
# What the classical backend is busy with for seconds.
LARGE = np.asarray(cv2.resize(COFFEE, (4800, 3200), interpolation=cv2.INTER_CUBIC), np.uint8)


def packed(pixels: Pixels) -> str:
    return base64.b64encode(encode_png(pixels)).decode()


def unpacked(text: str) -> Pixels:
    flag = cv2.IMREAD_UNCHANGED
    return np.asarray(cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), flag), np.uint8)


def body(request_id: str, picture: Pixels = COFFEE, **more: Any) -> dict[str, Any]:
    # Any format is taken; a large PNG would keep the tests busy themselves.
    image = base64.b64encode(encode_jpeg(picture, 90)).decode() if picture is LARGE else packed(picture)
    return {"request_id": request_id, "image_b64": image, **more}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]["code"]


def metric(service: Running, name: str, **labels: str) -> float:
    lines = service.get("/metrics").text.splitlines()
    wanted = [line for line in lines if line.startswith(f"iedf_{name}{{")]
    return sum(
        float(line.rpartition(" ")[2])
        for line in wanted
        if all(f'{key}="{value}"' in line for key, value in labels.items())
    )

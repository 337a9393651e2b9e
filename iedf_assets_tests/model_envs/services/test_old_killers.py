"""What once stopped a service for good, against a real one: a good request is answered afterwards."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from iedf_assets_tests.helpers.asking import COFFEE, body, code
from iedf_assets_tests.helpers.serving import Running, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(folder: Path, root: Path) -> Iterator[Running]:
    arguments = ["--backend", "mock", "--cache-dir", str(folder / "killers"), "--root", str(root)]
    env = {"EDIT_MAX_BODIES_MB": "140"}
    with serving("edit", folder, *arguments, "--max-concurrency", "1", env=env) as running:
        yield running


def test_keys_of_70_mb_cost_no_engine(service: Running) -> None:
    for number in range(2):
        item = {"path": "coffee 杯.jpg", "a" * 70_000_000: 1}
        answer = service.post("/items", {"request_id": f"large{number}", "item": item})
        assert code(answer) == (422, "invalid_input")
        assert len(answer.text) < 1000
    assert service.get("/readyz").json()["ready"]
    assert service.post("/infer", body("after")).status_code == 200


def test_an_idle_engine_that_is_killed_comes_back_by_itself(service: Running) -> None:
    for engine in psutil.Process(service.process.pid).children():
        engine.kill()
    service.until_ready()
    assert service.post("/infer", body("anew")).status_code == 200


def test_slow_bodies_take_no_more_than_they_may_and_go_with_their_callers(service: Running) -> None:
    port = int(service.address.rpartition(":")[2])
    head = (
        f"POST /infer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        "Content-Length: 60000000\r\n\r\n"
    )
    before = psutil.Process(service.process.pid).memory_info().rss
    with contextlib.ExitStack() as open_ones:
        for _ in range(6):
            one = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            with contextlib.suppress(OSError):  # it may be refused while it sends
                one.sendall(head.encode() + b" " * 50_000_000)
        deadline = time.monotonic() + 15
        large = json.dumps(body("large")).encode() + b" " * 45_000_000
        headers = {"content-type": "application/json"}
        with httpx.Client(base_url=service.address, trust_env=False, timeout=30) as client:
            answer = client.post("/infer", content=large, headers=headers)
        assert code(answer) == (429, "queue_full")
        assert psutil.Process(service.process.pid).memory_info().rss - before < 400_000_000
        assert service.get("/healthz").status_code == 200
    while time.monotonic() < deadline:
        if service.post("/infer", body("after-slow-ones")).status_code == 200:
            break
        time.sleep(0.2)
    else:
        pytest.fail("the service never recovered")
    until = time.monotonic() + 15
    while psutil.Process(service.process.pid).memory_info().rss - before > 60_000_000:
        assert time.monotonic() < until, "what the bodies took stays with the process"
        time.sleep(0.2)


def test_a_body_in_pieces_that_tells_no_length_is_bounded_too(service: Running) -> None:
    pieces = (b" " * 10_000_000 for _ in range(20))
    answer = httpx.post(f"{service.address}/infer", content=pieces, timeout=60, trust_env=False)
    assert code(answer) == (413, "too_large")
    assert service.post("/infer", body("after-pieces")).status_code == 200


@pytest.mark.parametrize("route", ["/infer", "/items"])
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b'{"item":' * 1_000_000,
        b'{"request_id":"d","item":' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_json_however_deep_is_refused(service: Running, route: str, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = httpx.post(
        f"{service.address}{route}", content=content, headers=headers, timeout=60, trust_env=False
    )
    assert code(answer) == (422, "invalid_input")
    assert service.get("/readyz").json()["ready"]


def test_who_asks_at_once_for_the_same_in_other_ways_gets_what_is_there(service: Running) -> None:
    ways: list[dict[str, Any]] = [
        {"save_cache": False, "return_b64": True},
        {"save_cache": True, "return_b64": False},
        {"save_cache": True, "return_b64": True},
    ]
    for number in range(4):
        asked = [body(f"ways{number}", **way) for way in ways]
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda one: service.post("/infer", one), asked))
        for way, answer in zip(ways, answers, strict=True):
            assert answer.status_code == 200
            told = answer.json()
            assert bool(told["result_image_b64"]) == way["return_b64"]
            assert told["result_image_path"] is None or Path(told["result_image_path"]).is_file()
            assert way["return_b64"] or told["result_image_path"]


def test_the_name_of_another_site_is_refused(service: Running) -> None:
    for route in ("/healthz", "/info", "/docs"):
        answer = service.get(route, headers={"Host": "evil.example"})
        assert code(answer) == (421, "wrong_host")
    answer = service.post("/infer", body("host", COFFEE), headers={"Host": "evil.example:8102"})
    assert code(answer) == (421, "wrong_host")


def test_the_page_to_try_it_loads_nothing_from_elsewhere(service: Running) -> None:
    page = service.get("/docs")
    assert page.status_code == 200
    assert "swagger-ui" in page.text
    assert "https://" not in page.text
    assert "http://" not in page.text
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/docs/files/{name}" in page.text
        assert service.get(f"/docs/files/{name}").status_code == 200

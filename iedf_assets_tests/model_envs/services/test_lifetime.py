"""How a real service begins and ends, and what outlives it."""

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from iedf_assets_tests.helpers.asking import COFFEE, LARGE, body, code, metric
from iedf_assets_tests.helpers.serving import serving, start

pytestmark = pytest.mark.slow


def test_it_is_not_ready_before_its_backend_is_loaded(folder: Path) -> None:
    service = start("edit", folder, "--backend", "mock", "--cache-dir", str(folder / "early"))
    seen = []
    try:
        deadline = time.monotonic() + 30
        while (200, True) not in seen:
            assert time.monotonic() < deadline
            with contextlib.suppress(httpx.ConnectError):
                answer = service.get("/readyz")
                assert service.get("/healthz").status_code == 200
                seen.append((answer.status_code, answer.json()["ready"]))
    finally:
        service.end()
    assert set(seen) == {(503, False), (200, True)}


def test_told_to_end_it_finishes_what_runs_and_refuses_what_waits(folder: Path, root: Path) -> None:
    arguments = ["--backend", "classical", "--cache-dir", str(folder / "end"), "--root", str(root)]
    with (
        serving("edit", folder, *arguments, "--max-concurrency", "1") as service,
        ThreadPoolExecutor(2) as pool,
    ):
        engine = psutil.Process(service.process.pid).children()[0]
        medium = LARGE[:1200, :1600]
        running = pool.submit(service.post, "/infer", body("running", medium))
        deadline = time.monotonic() + 10
        while not metric(service, "running"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        waiting = pool.submit(service.post, "/infer", body("waiting", COFFEE))
        while not metric(service, "queue_length"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        service.process.send_signal(signal.SIGTERM)
        assert code(waiting.result()) == (503, "not_ready")
        assert running.result().status_code == 200
        service.process.wait(timeout=10)
        assert not engine.is_running()


def test_killed_it_leaves_no_engine(folder: Path) -> None:
    with serving("edit", folder, "--backend", "mock", "--cache-dir", str(folder / "kill")) as service:
        engine = psutil.Process(service.process.pid).children()[0]
        service.process.kill()
        engine.wait(timeout=5)
        assert not engine.is_running()


def test_what_was_kept_is_known_after_a_restart_and_the_oldest_goes_first(folder: Path) -> None:
    env = {"EDIT_CACHE_MB": "1", "EDIT_CACHE_DIR": str(folder / "kept")}
    with serving("edit", folder, "--backend", "mock", env=env) as service:
        first = service.post("/infer", body("first")).json()
    with serving("edit", folder, "--backend", "mock", env=env) as service:
        assert service.post("/infer", body("first")).json() == first
        assert metric(service, "images_total") == 0
        for number in range(3):
            service.post("/infer", body(f"more{number}"))
        kept = sorted(path.name for path in (folder / "kept").iterdir())
        assert "first" not in kept
        assert "more2" in kept
        assert sum(file.stat().st_size for file in (folder / "kept").rglob("*.png")) < 1_000_000


@pytest.mark.parametrize(
    ("arguments", "env", "status", "says"),
    [
        (["--model-dir", "/nowhere"], {}, 1, "/nowhere"),
        ([], {"EDIT_MAX_QUEUE": "many"}, 2, "EDIT_MAX_QUEUE"),
        (["--max-concurrency", "0"], {}, 2, "max-concurrency"),
    ],
)
def test_what_cannot_be_served_is_told_and_ends(
    folder: Path, arguments: list[str], env: dict[str, str], status: int, says: str
) -> None:
    service = start("edit", folder, *arguments, env=env)
    assert service.process.wait(timeout=30) == status
    assert says in service.log.read_text("utf-8")

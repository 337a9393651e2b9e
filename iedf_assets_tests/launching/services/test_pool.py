"""The pool of services: who gets a request, what is tried again, and how long one waits."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from iedf_assets.cli.commands.doctor import _service
from iedf_assets.core.errors import SourceError
from iedf_assets.core.profile.workers import ServiceClient, Worker
from iedf_assets.launching.services.errors import ServiceDownError
from iedf_assets.launching.services.pool import ServicePool
from iedf_assets.launching.services.probing import Expected
from iedf_assets_tests.helpers.serving import free_port

Answer = tuple[int, str]
OK: Answer = (200, '{"row": {}}')
TOKEN = "of the test"  # noqa: S105
INFO = '{"service": "edit", "identity": ["mock"], "max_concurrency": 2, "max_queue": 4}'


class Replica:
    """A service whose answers are told beforehand; the last one goes on for ever."""

    def __init__(self, port: int = 0, info: Answer = (200, INFO), ready: str = '{"ready": true}') -> None:
        self.answers: list[Answer] = [OK]
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0
        self.headers: list[str | None] = []
        replica = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer((200, ready) if self.path == "/readyz" else info)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                replica.asked += 1
                replica.headers.append(self.headers["authorization"])
                answer = replica.answers.pop(0) if len(replica.answers) > 1 else replica.answers[0]
                replica.gate.wait(10)
                self.answer(answer)

            def answer(self, answer: Answer) -> None:
                if answer[0] == 0:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1].encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iedf_assets.launching.services.probing.PROBE_S", 0.05)
    monkeypatch.setattr("iedf_assets.launching.services.patience.HUSH_S", 0.1)
    monkeypatch.setattr("iedf_assets.launching.services.replicas.BUSY_S", 0.02)


@pytest.fixture
def replica() -> Iterator[Replica]:
    one = Replica()
    yield one
    one.end()


def options(**changes: Any) -> ServiceClient:
    return ServiceClient.model_validate({"backoff_sec": 0.01, "wait_sec": 5, **changes})


def pool(*addresses: str, stop: threading.Event | None = None, tell: Callable[[str], None] | None = None,
         token: str | None = None, **changes: Any) -> ServicePool:  # fmt: skip
    return ServicePool(
        "edit", addresses, options(**changes),
        Expected(["mock"], changes.get("foreign") or "mock", foreign="foreign" in changes), token=token,
        tell=tell or (lambda _: None), stop=stop or threading.Event(),
    )  # fmt: skip


def error(code: str) -> str:
    return f'{{"detail": {{"code": "{code}", "message": "because"}}}}'


def test_places_are_the_engines_and_half_the_queue(replica: Replica) -> None:
    with pool(replica.address) as services:
        assert services.places() == 4
        assert services.is_ours


def test_an_answer_comes_back_and_the_token_goes_along(replica: Replica) -> None:
    with pool(replica.address, token=TOKEN) as services:
        assert services.post("/items", {}) == {"row": {}}
    assert replica.headers == [f"Bearer {TOKEN}"]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [(0, ""), (503, error("not_ready")), (502, "<html>"), (200, "no json")])
def test_trouble_of_the_connection_is_tried_again(replica: Replica, trouble: Answer) -> None:
    replica.answers = [trouble, trouble, OK]
    with pool(replica.address) as services:
        assert services.post("/items", {}) == {"row": {}}
    assert replica.asked == 3


def test_trouble_that_stays_fails_the_one_request(replica: Replica) -> None:
    replica.answers = [(0, "")]
    with pool(replica.address, max_retries=2) as services, pytest.raises(SourceError) as caught:
        services.post("/items", {})
    assert caught.value.reason == "service_unreachable"
    assert replica.asked == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(422, "invalid_input"), (500, "infer_failed"), (504, "infer_timeout"), (413, "too_large")],
)
def test_what_would_fail_again_is_not_tried_again(replica: Replica, status: int, code: str) -> None:
    replica.answers = [(status, error(code))]
    with pool(replica.address) as services, pytest.raises(SourceError, match="because") as caught:
        services.post("/items", {})
    assert (caught.value.reason, replica.asked) == (code, 1)


@pytest.mark.slow
def test_a_full_queue_uses_up_no_try(replica: Replica) -> None:
    replica.answers = [(429, error("queue_full"))] * 5 + [OK]
    with pool(replica.address, max_retries=0) as services:
        assert services.post("/items", {}) == {"row": {}}
    assert replica.asked == 6


@pytest.mark.slow
def test_replicas_share_the_work_and_the_idle_one_gets_more(replica: Replica) -> None:
    other = Replica()
    replica.gate.clear()
    try:
        with pool(replica.address, other.address) as services:
            deadline = time.monotonic() + 5
            while services.places() < 8:
                assert time.monotonic() < deadline
            with ThreadPoolExecutor(2) as threads:
                stuck = threads.submit(services.post, "/items", {})
                while not replica.asked + other.asked:
                    time.sleep(0.01)
                first = replica if replica.asked else other
                for _ in range(6):
                    second = other if first is replica else replica
                    second.gate.set()
                    services.post("/items", {})
                replica.gate.set()
                other.gate.set()
                stuck.result()
        assert (first.asked, second.asked) == (1, 6)
    finally:
        other.end()


@pytest.mark.slow
def test_when_one_dies_the_other_goes_on(replica: Replica) -> None:
    other = Replica()
    with pool(replica.address, other.address, max_retries=5) as services:
        services.places()
        other.end()
        assert Counter(str(services.post("/items", {})) for _ in range(10)) == {"{'row': {}}": 10}


def test_it_waits_for_a_service_to_come_back_and_says_so() -> None:
    port = free_port()
    told: list[str] = []
    late: list[Replica] = []
    timer = threading.Timer(0.5, lambda: late.append(Replica(port)))
    timer.start()
    with pool(f"http://127.0.0.1:{port}", tell=told.append, wait_sec=20) as services:
        assert services.post("/items", {}) == {"row": {}}
    timer.join()
    late[0].end()
    assert any("waiting for the edit service" in text for text in told)


def test_it_does_not_wait_for_ever_and_names_the_remedy() -> None:
    begun = time.monotonic()
    with pool(f"http://127.0.0.1:{free_port()}", wait_sec=0.5) as services:
        with pytest.raises(ServiceDownError, match="iedf serve edit"):
            services.post("/items", {})
    assert time.monotonic() - begun < 5


def test_another_model_than_the_profiles_is_refused_at_once() -> None:
    wrong = Replica(info=(200, INFO.replace("mock", "qwen")))
    with (
        pool(wrong.address) as services,
        pytest.raises(ServiceDownError, match="it runs qwen, the profile says mock"),
    ):
        services.post("/items", {})
    assert wrong.asked == 0
    wrong.end()


def test_without_the_token_the_remedy_names_the_variable() -> None:
    guarded = Replica(info=(401, error("unauthorized")))
    with pool(guarded.address) as services, pytest.raises(ServiceDownError, match="IEDF_SERVICE_TOKEN"):
        services.post("/items", {})
    guarded.end()


def test_a_service_without_info_is_talked_to_by_the_contract() -> None:
    foreign = Replica(info=(404, "{}"))
    with pool(foreign.address) as services:
        assert services.places() == 2
        assert not services.is_ours
        assert services.post("/infer", {}) == {"row": {}}
    foreign.end()


SAYS_CLASSICAL = '{"ready": true, "backend": "opencv", "model": "v7"}'


@pytest.mark.parametrize(
    ("ready", "info", "makers"),
    [
        ('{"ready": true}', "{}", ("unknown", None)),
        ('{"ready": true, "backend": "mock"}', '{"model": "their-v7"}', ("mock", "their-v7")),
        ('["ready"]', '"text"', ("unknown", None)),
        ('{"ready": true, "backend": 7}', "no json", ("unknown", None)),
    ],
)
def test_what_made_a_picture_is_what_a_service_of_others_says(
    ready: str, info: str, makers: tuple[str, str | None]
) -> None:
    foreign = Replica(info=(200, info), ready=ready)
    with pool(foreign.address) as services:
        assert services.places() == 2
        assert services.makers == makers
    foreign.end()


def test_a_service_of_others_that_runs_something_else_is_refused_with_a_remedy() -> None:
    foreign = Replica(info=(404, "{}"), ready=SAYS_CLASSICAL)
    with (
        pool(foreign.address) as services,
        pytest.raises(ServiceDownError, match="it runs classical") as caught,
    ):
        services.post("/infer", {})
    assert "service.foreign to classical" in caught.value.remedy
    assert foreign.asked == 0
    foreign.end()


def test_the_profile_may_take_a_service_of_others_under_its_own_name() -> None:
    theirs = Replica(info=(404, "{}"), ready='{"ready": true, "backend": "flux-server", "revision": "r1"}')
    with pool(theirs.address, foreign="flux-server") as services:
        services.places()
        assert services.makers == ("flux-server", "r1")
    untold = Replica(info=(404, "{}"))
    with pool(untold.address, foreign="flux-server") as services, pytest.raises(ServiceDownError):
        services.post("/infer", {})
    for one in (theirs, untold):
        one.end()


def test_rows_of_a_service_of_others_have_keys_of_their_own() -> None:
    told = {"launcher": "service", "endpoints": ["http://127.0.0.1:1"], "backend": "mock"}
    assert Worker.model_validate(told).identity() == ["mock"]
    named = Worker.model_validate(told | {"service": {"foreign": "flux-server"}})
    assert named.identity() == ["service", "flux-server"]


def test_told_to_stop_it_gives_up_what_is_under_way(replica: Replica) -> None:
    replica.gate.clear()
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with pool(replica.address, stop=stop) as services, pytest.raises(ServiceDownError):
        services.post("/items", {})
    assert time.monotonic() - begun < 3
    replica.gate.set()


def test_the_doctor_tells_of_a_service(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iedf_assets.cli.commands.doctor.SERVICE_WAIT_S", 0.3)
    worker = Worker.model_validate(
        {"backend": "mock", "launcher": "service", "endpoints": [replica.address], "service": {"wait_sec": 1}}
    )
    found = _service("edited_images", worker, replica.address)
    assert "ready (mock), takes items, 4 requests" in found.state
    assert not found.remedy
    gone = _service("edited_images", worker, f"http://127.0.0.1:{free_port()}")
    assert "iedf serve edit" in gone.remedy

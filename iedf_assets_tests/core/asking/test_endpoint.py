import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from iedf_assets.core.asking.endpoint import UNREACHABLE, UNREADABLE, Endpoint
from iedf_assets.core.asking.questions import JUDGE, Judgement
from iedf_assets.core.errors import SourceError, SystematicError
from iedf_assets.core.profile.asked import Asked
from iedf_assets_tests.helpers.vision_server import GOOD, MODEL, Reply, VisionServer, vision_server

PICTURES = [b"first", b"second"]
# An answer whose connection breaks within a chunk.
CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n80\r\nhalf"


def endpoint_at(address: str, **more: Any) -> Endpoint:
    quick = {"by": "endpoint", "endpoint": address, "model": MODEL, "backoff_sec": 0.01, "timeout_sec": 5}
    return Endpoint(Asked.model_validate(quick | more), "workers.edit.judge")


def asked(server: VisionServer, **more: Any) -> Judgement:
    return endpoint_at(server.address, **more).ask(JUDGE.format(instruction="move it"), PICTURES, Judgement)


def test_a_question_goes_with_its_pictures_and_the_form_of_its_answer() -> None:
    with vision_server() as server:
        assert asked(server) == Judgement(**GOOD)
        body = server.asked[0]
        assert (body["model"], body["temperature"]) == (MODEL, 0)
        assert server.pictures(0) == PICTURES
        assert "move it" in server.words(0)
        form = body["response_format"]["json_schema"]
        assert form["strict"]
        assert form["schema"]["required"] == list(GOOD)
        assert form["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "first",
    [
        Reply("x", status=429, headers={"Retry-After": "0"}), Reply("x", status=500), Reply("x", status=503),
        Reply("no json"), Reply(GOOD | {"instruction": 6}), Reply(GOOD | {"changed": "yes"}),
        Reply(GOOD | {"more": 1}), Reply(["a list"]), Reply(GOOD, wait_s=0.6),
        Reply(broken=b"no HTTP\r\n"), Reply(broken=CUT), Reply(broken=b"HTTP/1.1 503 busy\r\n" + CUT[17:]),
    ],
    ids=[
        "429", "500", "503", "broken", "out-of-range", "no-boolean", "unknown-key", "list", "slow", "no-http",
        "cut-off", "cut-off-503",
    ],
)  # fmt: skip
def test_what_goes_wrong_once_is_asked_again(first: Reply) -> None:
    with vision_server(lambda number: first if number == 1 else Reply(GOOD)) as server:
        assert asked(server, timeout_sec=0.3) == Judgement(**GOOD)
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("always", "reason"),
    [
        (Reply("x", status=429), UNREACHABLE), (Reply("x", status=500), UNREACHABLE),
        (Reply("no json"), UNREADABLE), (Reply(GOOD, wait_s=0.3), UNREACHABLE),
        (Reply("x" * (1 << 21)), UNREADABLE),
    ],
    ids=["429", "500", "broken", "slow", "endless"],
)  # fmt: skip
def test_what_stays_wrong_is_the_failure_of_one_question(always: Reply, reason: str) -> None:
    with vision_server(lambda _: always) as server:
        with pytest.raises(SourceError, match="judge") as caught:
            asked(server, max_retries=2, timeout_sec=0.1 if always.wait_s else 5)
        assert caught.value.reason == reason
        assert len(server.asked) == 3


@pytest.mark.parametrize(("status", "remedy"), [(401, "IEDF_ENDPOINT_TOKEN"), (404, "workers.edit.judge")])
def test_what_no_retry_mends_stops_all(status: int, remedy: str) -> None:
    with vision_server(lambda _: Reply("x", status=status)) as server:
        with pytest.raises(SystematicError) as caught:
            asked(server)
        assert remedy in caught.value.remedy
        assert len(server.asked) == 1


def test_an_answer_between_fences_is_read_all_the_same() -> None:
    with vision_server(lambda _: Reply(f"```json\n{json.dumps(GOOD)}\n```")) as server:
        assert asked(server) == Judgement(**GOOD)


def test_no_more_questions_are_under_way_than_the_profile_allows() -> None:
    with vision_server(lambda _: Reply(GOOD, wait_s=0.05)) as server:
        endpoint = endpoint_at(server.address, parallel=2)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: endpoint.ask("?", PICTURES, Judgement), range(8)))
        assert server.most == 2


def test_the_token_comes_from_the_variable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with vision_server() as server:
        asked(server)
        monkeypatch.setenv("IEDF_ENDPOINT_TOKEN", "secret")
        asked(server)
        assert server.tokens == [None, "Bearer secret"]


def test_a_token_does_not_follow_a_redirection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEDF_ENDPOINT_TOKEN", "secret")
    with vision_server() as other, vision_server() as server:
        server.reply = lambda _: Reply("x", 307, headers={"Location": f"{other.address}/chat/completions"})
        with pytest.raises(SystematicError):
            asked(server)
        assert other.asked == []


def test_a_server_that_is_not_there_is_told_before_anything_is_asked() -> None:
    with vision_server() as server:
        endpoint_at(server.address).require_there()
        with pytest.raises(SystematicError, match="has no model 'other'"):
            endpoint_at(server.address, model="other").require_there()
    with pytest.raises(SystematicError) as caught:
        endpoint_at(server.address).require_there()
    assert "start the server" in caught.value.remedy

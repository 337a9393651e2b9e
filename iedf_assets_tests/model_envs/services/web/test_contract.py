"""The wire contract held against requests that no client would send: schemathesis, and a fuzz of bodies."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from iedf_assets_tests.helpers.hostile_bodies import bodies
from iedf_assets_tests.helpers.serving import Running, serving

pytestmark = pytest.mark.slow
KINDS = ("layered", "edit")
# That base64 holds no picture, or a path leads nowhere, no schema can say, so valid data may be refused.
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection,
]  # fmt: skip


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "root").mkdir()
    flags = ["--backend", "mock", "--root", str(folder / "root")]
    with (
        serving("layered", folder, *flags, "--cache-dir", str(folder / "layered")) as layered,
        serving("edit", folder, *flags, "--cache-dir", str(folder / "edit")) as edit,
    ):
        yield {"layered": layered, "edit": edit}


@pytest.mark.parametrize("kind", KINDS)
def test_schemathesis_finds_no_error_and_no_breach_of_the_contract(
    services: dict[str, Running], kind: str
) -> None:
    service = services[kind]
    schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
    calls = 0

    @settings(
        max_examples=60, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    def called(case: Any) -> None:
        nonlocal calls
        calls += 1
        case.call_and_validate(checks=CHECKS)

    for operation in schema.get_all_operations():
        given(case=operation.ok().as_strategy())(called)()  # type: ignore[union-attr]  # all are
    assert calls >= 100
    assert service.get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_body_holds_the_answer_has_the_contracts_form(
    services: dict[str, Running], kind: str
) -> None:
    service = services[kind]
    statuses = set()
    with httpx.Client(base_url=service.address, timeout=30, trust_env=False) as client:
        for number, body in enumerate(bodies(20261124)):
            content = body if isinstance(body, bytes) else json.dumps(body).encode("ascii")
            route = ("/infer", "/items")[number % 2]
            answer = client.post(route, content=content, headers={"content-type": "application/json"})
            statuses.add(answer.status_code)
            told = answer.json()
            if answer.status_code == 200:
                assert "request_id" in told
                continue
            assert set(told) == {"detail"}, (content[:200], told)
            assert set(told["detail"]) == {"code", "message"}
            assert answer.status_code in {413, 422}, (content[:300], told)
            # What lies outside is not so much as hinted at.
            assert "root:" not in answer.text
            assert "Traceback" not in answer.text
    assert 422 in statuses
    assert service.get("/readyz").json()["ready"]

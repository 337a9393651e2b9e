import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from iedf_assets.cli.reviewing import review_app
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import read_reviews

EDIT = "0123456789abcdef"
Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(layout: Layout) -> Ask:
    """Sends one request to the application: method, path, and what httpx takes besides."""
    page = layout.reports / "html/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>report</p>", "utf-8")
    (layout.outputs / "secret.txt").write_text("secret", "utf-8")
    (layout.reports / "outside.txt").symlink_to(layout.outputs / "secret.txt")

    async def send(method: str, path: str, **given: Any) -> httpx.Response:
        transport = httpx.ASGITransport(review_app(layout))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8100") as client:
            return await client.request(method, path, **given)

    return lambda *request, **given: asyncio.run(send(*request, **given))


def test_the_page_is_served_and_nothing_outside_the_roots(ask: Ask) -> None:
    assert ask("GET", "/").headers["location"] == "/reports/html/index.html"
    assert ask("GET", "/reports/html/index.html").text == "<p>report</p>"
    for path in (
        "/reports/../secret.txt",
        "/reports/%2e%2e/secret.txt",
        "/secret.txt",
        "/reports/outside.txt",
    ):
        assert ask("GET", path).status_code == 404
    assert ask("PUT", "/reports/html/index.html", content="x").status_code == 405


def test_a_report_that_is_still_to_be_made_is_waited_for(ask: Ask, layout: Layout) -> None:
    (layout.reports / "html/index.html").unlink()
    answer = ask("GET", "/reports/html/index.html")
    assert answer.status_code == 404
    assert answer.headers["refresh"] == "5"
    assert "`iedf report` makes it now" in answer.text
    assert "refresh" not in ask("GET", "/reports/html/other.html").headers


def test_a_review_is_kept_and_told(ask: Ask, layout: Layout) -> None:
    answer = ask("POST", "/reviews", json={"edit_id": EDIT, "verdict": "accept", "note": "好"})
    assert (answer.status_code, answer.json()) == (200, {EDIT: "accept"})
    assert ask("GET", "/reviews").json() == read_reviews(layout) == {EDIT: "accept"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"edit_id": "0123456789abcdef", "verdict": "perhaps"}', {}, 422),
        (b'{"edit_id": "../../x", "verdict": "accept"}', {}, 422),
        (b'{"verdict": "accept"}', {}, 422),
        (b"[1]", {}, 422),
        (b"[" * 16_000, {}, 422),
        (b'{"a":' * 3_000, {}, 422),
        (b"\xff\x00", {}, 422),
        (b"{" + b" " * 20_000, {}, 413),
        (b"{}", {"content-type": "text/plain"}, 403),
        (b"{}", {"origin": "http://evil.example"}, 403),
        (b"{}", {"host": "evil.example"}, 400),
    ],
)
def test_what_is_no_review_of_this_page_is_refused(
    ask: Ask, layout: Layout, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = ask("POST", "/reviews", content=body, headers={"content-type": "application/json", **headers})
    assert answer.status_code == status
    assert read_reviews(layout) == {}
    assert not Path(layout.reviews).exists()

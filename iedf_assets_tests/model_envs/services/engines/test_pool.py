"""Engines that end in ways that nobody foresaw; the processes are made up."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_envs.services.engines import pool
from model_envs.services.engines.pool import Engines
from model_envs.services.errors import ServiceError
from model_envs.services.settings import ServiceSettings


class MadeUp:
    """An engine whose answers are given, and which can be ended from outside."""

    answers: list[Callable[[], dict[str, Any]]]
    begun = 0
    gpu_bytes = 0

    def __init__(self, *_settings: Any) -> None:
        self.lives = False
        self._end = asyncio.Event()

    async def start(self) -> str:
        MadeUp.begun += 1
        self.lives, self._end = True, asyncio.Event()
        return "no model"

    async def make(self, _job: dict[str, Any]) -> dict[str, Any]:
        return MadeUp.answers.pop(0)()

    async def ended(self) -> None:
        await self._end.wait()

    async def kill(self) -> None:
        self.lives = False
        self._end.set()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Engines]:
    monkeypatch.setattr(pool, "Engine", MadeUp)
    monkeypatch.setattr(MadeUp, "begun", 0)
    told = {"EDIT_CACHE_DIR": str(tmp_path), "EDIT_BACKEND": "mock"}
    return lambda: Engines(ServiceSettings.from_environment("edit", told))


def surprise() -> dict[str, Any]:
    raise RuntimeError("x" * 10_000)


def test_whatever_an_engine_raises_the_next_request_gets_a_fresh_one(
    engines: Callable[[], Engines], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def through() -> None:
        own = engines()
        own.start()
        with pytest.raises(ServiceError, match="RuntimeError") as caught:
            await own.work(await own.acquire(), {}, tmp_path)
        assert len(caught.value.message) <= 500
        assert await own.work(await own.acquire(), {}, tmp_path) == {"told": 1}
        assert own.ready
        await own.stop()

    monkeypatch.setattr(MadeUp, "answers", [surprise, lambda: {"done": {"told": 1}}], raising=False)
    asyncio.run(through())
    assert MadeUp.begun == 2


def test_an_engine_that_dies_while_it_is_idle_is_loaded_again_without_a_request(
    engines: Callable[[], Engines],
) -> None:
    async def through() -> None:
        own = engines()
        own.start()
        await asyncio.sleep(0)
        engine = await own.acquire()
        own._idle.put_nowait(engine)
        await engine.kill()
        states = [own.ready]
        await asyncio.sleep(0.05)
        assert [*states, own.ready] == [False, True]
        await own.stop()

    asyncio.run(through())
    assert MadeUp.begun == 2

"""What the desk leaves behind, whichever way a request ends; the engines are made up."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from model_envs.services.cache import Cache
from model_envs.services.desk import Desk, Made
from model_envs.services.engines.pool import Engines
from model_envs.services.errors import ServiceError
from model_envs.services.metrics import Metrics
from model_envs.services.settings import ServiceSettings

Work = Callable[[Path], Awaitable[None]]


class MadeUp(Engines):
    """Engines that do what they are told."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def acquire(self) -> Any:
        return None

    async def work(self, _engine: Any, job: dict[str, Any], _scratch: Path) -> dict[str, Any]:
        folder = Path(job["folder"])
        await asyncio.to_thread(folder.mkdir)
        await self._work(folder)
        return {"told": 1}


async def at_once(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"x" * 10)


def desk(tmp_path: Path, work: Work = at_once) -> tuple[Desk, Cache]:
    settings = ServiceSettings.from_environment("edit", {"EDIT_CACHE_DIR": str(tmp_path / "cache")})
    cache = Cache(settings.cache_dir, "model", 10_000)
    return Desk(settings, MadeUp(work), cache, Metrics("edit")), cache


def temporary(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache").iterdir() if path.name.startswith(".tmp")]


def nothing(_work: Path) -> dict[str, Any]:
    return {}


async def asked(own: Desk, name: str, *, keep: bool = True, prepare: Any = nothing) -> tuple[Made, bool]:
    """What was made, and whether its files were there."""
    async with own.made(name, "same", prepare, keep=keep) as made:
        await asyncio.sleep(0.05)
        return made, all((made.folder / file).is_file() for file in made.names)


@pytest.mark.parametrize("keep", [True, False])
def test_no_temporary_folder_outlives_its_request(tmp_path: Path, *, keep: bool) -> None:
    own, cache = desk(tmp_path)
    assert asyncio.run(asked(own, "one", keep=keep))[1]
    assert temporary(tmp_path) == []
    assert (cache.find("one") is not None) is keep


def test_a_full_disk_costs_the_request_and_lets_go_of_what_was_kept(tmp_path: Path) -> None:
    def full(work: Path) -> dict[str, Any]:
        (work / "image").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    async def through() -> None:
        await asked(own, "kept")
        with pytest.raises(ServiceError, match="No space left"):
            await asked(own, "large", prepare=full)
        assert temporary(tmp_path) == []
        assert not cache.folder("kept").exists()
        assert (await asked(own, "small"))[1]

    own, cache = desk(tmp_path)
    asyncio.run(through())
    assert (own.waiting, own.running) == (0, 0)


def test_who_wants_an_answer_kept_gets_it_kept_whoever_else_asks(tmp_path: Path) -> None:
    async def slow(folder: Path) -> None:
        await asyncio.sleep(0.1)
        await at_once(folder)

    async def through() -> list[tuple[Made, bool]]:
        brief = asyncio.ensure_future(asked(own, "one", keep=False))
        await asyncio.sleep(0.05)
        return list(await asyncio.gather(brief, asked(own, "one"), asked(own, "one", keep=False)))

    own, cache = desk(tmp_path, slow)
    answers = asyncio.run(through())
    assert all(there for _, there in answers)
    assert answers[1][0].folder == cache.folder("one")
    assert cache.find("one") is not None
    assert temporary(tmp_path) == []


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
def test_a_caller_that_leaves_leaves_nothing(tmp_path: Path, after: float) -> None:
    async def slow(folder: Path) -> None:
        await asyncio.sleep(0.05)
        await at_once(folder)

    async def through() -> None:
        task = asyncio.ensure_future(asked(own, "one", keep=False))
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)

    own, _ = desk(tmp_path, slow)
    asyncio.run(through())
    assert temporary(tmp_path) == []
    assert (own.waiting, own.running) == (0, 0)

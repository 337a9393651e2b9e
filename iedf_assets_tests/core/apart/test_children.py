"""Children that hang, crash, or are told to end."""

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from iedf_assets.core.apart.children import Apart, GivenUpError
from iedf_assets.core.errors import SourceError, StorageError, WorkerError
from iedf_assets.core.memory import claim_pixels
from iedf_assets.core.parallel import stream_map
from iedf_assets.core.reasons import DECODER_DIED, TIMED_OUT

HERE = "iedf_assets_tests.core.apart.test_children"
MEMORY = 4 << 30


def echoed(argument: Any) -> Any:
    return [argument, os.getpid()]


def raised(kind: str) -> None:
    if kind == "source":
        raise SourceError("corrupted", "broken inside")
    if kind == "storage":
        raise StorageError("the disk is full", "free space")
    raise ValueError("a bug")


def died(once: str | None) -> str:
    """Ends its process; given a path, the first time alone."""
    if once is None or not Path(once).exists():
        if once:
            Path(once).touch()
        sys.stderr.write("the decoder's last words")
        sys.stderr.flush()
        os.abort()
    return "lived"


def slept(seconds: float) -> None:
    time.sleep(seconds)


def decoded(argument: list[Any]) -> None:
    """Claims pixels, and writes down when it had them."""
    pixels, path = argument
    claim_pixels(pixels)
    with Path(path).open("a") as file:
        file.write("begin\n")
        file.flush()
        time.sleep(0.1)
        file.write("end\n")


def taken(megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    own = Apart(100, MEMORY)
    yield own
    own.give_up()


def call(own: Apart, name: str, argument: Any, timeout_s: float = 30) -> Any:
    return own.call(f"{HERE}:{name}", argument, timeout_s)


def test_one_child_does_one_thing_after_another(apart: Apart) -> None:
    answers = [call(apart, "echoed", {"路径": [1, None]}) for _ in range(3)]
    assert [told for told, _ in answers] == [{"路径": [1, None]}] * 3
    assert len({pid for _, pid in answers}) == 1
    assert answers[0][1] != os.getpid()


def test_what_is_raised_there_is_raised_here(apart: Apart) -> None:
    with pytest.raises(SourceError, match="broken inside") as source:
        call(apart, "raised", "source")
    assert source.value.reason == "corrupted"
    with pytest.raises(StorageError, match="free space"):
        call(apart, "raised", "storage")
    with pytest.raises(WorkerError, match="a bug"):
        call(apart, "raised", "else")


def test_what_kills_its_child_twice_is_told_with_its_last_words(apart: Apart, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"SIGABRT.*the decoder's last words") as caught:
        call(apart, "died", None)
    assert caught.value.reason == DECODER_DIED
    assert call(apart, "died", str(tmp_path / "once")) == "lived"


def test_an_idle_child_that_was_killed_is_nobodys_death(apart: Apart) -> None:
    _, pid = call(apart, "echoed", 1)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert call(apart, "echoed", 2)[0] == 2


def test_what_takes_too_long_is_ended(apart: Apart) -> None:
    begun = time.monotonic()
    with pytest.raises(SourceError) as caught:
        call(apart, "slept", 60, timeout_s=0.2)
    assert caught.value.reason == TIMED_OUT
    assert time.monotonic() - begun < 10
    assert call(apart, "echoed", 1)[0] == 1


def test_many_open_files_are_no_hindrance() -> None:
    """`select` takes no descriptor above 1,023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2048, hard), hard))
    own = Apart(100, MEMORY)
    try:
        with ExitStack() as files:
            for _ in range(1100):
                files.enter_context(Path(os.devnull).open("rb"))
            assert call(own, "echoed", 3)[0] == 3
    finally:
        own.give_up()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_child_takes_more_memory_than_it_may(apart: Apart) -> None:
    assert call(apart, "taken", 100)
    with pytest.raises(WorkerError, match="MemoryError"):
        call(apart, "taken", 8000)


@pytest.mark.parametrize(("pixels", "together"), [(60, False), (40, True)])
def test_no_more_pixels_are_decoded_at_once_than_may(
    apart: Apart, tmp_path: Path, pixels: int, *, together: bool
) -> None:
    log = tmp_path / "log"
    call(apart, "decoded", [1000, str(log)])  # one that is larger than all that may goes alone
    log.unlink()
    list(stream_map(lambda _: call(apart, "decoded", [pixels, str(log)]), range(4), 2))
    lines = log.read_text().split()
    assert (lines == ["begin", "end"] * 4) is not together


@pytest.mark.slow
def test_who_leaves_early_need_not_wait() -> None:
    own = Apart(100, MEMORY)
    call(own, "echoed", 1)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for number, _ in stream_map(
            lambda number: call(own, "slept", 60 * number, 600), range(4), 2, own.give_up
        ):
            raise KeyboardInterrupt(number)
    assert time.monotonic() - begun < 5
    with pytest.raises(GivenUpError):
        call(own, "echoed", 1)
    assert threading.active_count() < 10

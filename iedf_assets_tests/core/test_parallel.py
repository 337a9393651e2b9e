import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from iedf_assets.core.parallel import Latest, stream_map


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_order_whatever_finishes_first(threads: int) -> None:
    def slow_for_even(number: int) -> int:
        time.sleep(0.004 if number % 2 == 0 else 0)
        return number * number

    assert list(stream_map(slow_for_even, range(20), threads)) == [(n, n * n) for n in range(20)]


def test_items_are_taken_only_as_room_is_made() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    for done, _ in enumerate(stream_map(lambda number: number, items(), 2), 1):
        assert taken <= done + 4


def test_an_error_is_raised_at_its_turn_and_nothing_more_begins() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def fail_at_three(number: int) -> int:
        with lock:
            begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    seen = []
    with pytest.raises(ValueError, match="three"):
        for number, _ in stream_map(fail_at_three, range(1000), 2):
            seen.append(number)  # what was seen before the error matters
    assert seen == [0, 1, 2]
    assert len(begun) < 20


def test_those_that_ask_for_one_value_at_once_wait_for_it() -> None:
    latest, made, begun = Latest[list[int]](4), [], threading.Event()

    def make() -> list[int]:
        begun.wait(5)
        made.append(1)
        return [1, 2]

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(latest.of, "a", make) for _ in range(4)]
        begun.set()
        values = [one.result() for one in asked]
    assert len(made) == 1
    assert all(value is values[0] for value in values)


def test_only_the_latest_are_kept() -> None:
    latest, made = Latest[str](4), list[str]()

    def noted(name: str) -> str:
        made.append(name)
        return name

    for name in [*map(str, range(5)), "1", "0"]:
        assert latest.of(name, partial(noted, name)) == name
    assert made == [*map(str, range(5)), "0"]


def test_a_value_that_failed_is_made_anew() -> None:
    latest = Latest[tuple[int, ...]](4)
    answers: list[ValueError | tuple[int, ...]] = [ValueError("full"), (1, 0, 0)]

    def make() -> tuple[int, ...]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    for _ in range(2):
        try:
            value = latest.of("a", make)
        except ValueError:
            continue
    assert value[1:] == (0, 0)

import threading
import time
from collections.abc import Iterator

import pytest

from iedf_assets.core.parallel import stream_map


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

"""Running one function over many items on a few threads, with a bounded number in flight; what they share."""

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")

Made = TypeVar("Made")

Report = Callable[[int, int], None]
"""Called with (done, total) after each finished item."""


def silent(_done: int, _total: int) -> None:
    """A `Report` that tells nobody."""


def thread_count(wanted: int) -> int:
    """`wanted`, or the number of usable CPU cores when it is 0."""
    return wanted or len(os.sched_getaffinity(0))


def stream_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    give_up: Callable[[], None] | None = None,
) -> Generator[tuple[Item, Result]]:
    """Yield (item, function(item)) in the order of `items`, working up to `threads` of them at a time.

    Decoders, encoders, NumPy and OpenCV release the interpreter lock, so threads use all cores. At most
    twice as many items as threads are in flight, which keeps memory flat. An exception of `function` is
    raised at its item's turn; leaving the loop early cancels what has not begun.

    Args:
        give_up: ends what is under way, so that leaving the loop early need not wait for it.
    """
    # One thread per picture; OpenCV's own pool on top of it would only oversubscribe the cores.
    cv2.setNumThreads(1)
    if threads <= 1 and give_up is None:
        for item in items:
            yield item, function(item)
        return
    flying: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                flying.append((item, pool.submit(function, item)))
                if len(flying) >= 2 * threads:
                    first, future = flying.popleft()
                    yield first, future.result()
            while flying:
                first, future = flying.popleft()
                yield first, future.result()
        except BaseException:
            if give_up is not None:
                give_up()
            raise
        finally:
            for _, future in flying:
                future.cancel()


@dataclass
class _Place(Generic[Made]):
    """Where a value is, or is being made, under its lock: at most one of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    made: list[Made] = field(default_factory=list)


class Latest(Generic[Made]):
    """The values asked for last, by key. Whoever asks for one that is being made waits for it.

    Args:
        kept: of how many keys.
    """

    def __init__(self, kept: int) -> None:
        self._kept, self._lock = kept, threading.Lock()
        self._places: OrderedDict[str, _Place[Made]] = OrderedDict()

    def of(self, key: str, make: Callable[[], Made]) -> Made:
        """The value of that key, by `make` where it is not at hand; what raises is made anew next time."""
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._kept:
                self._places.popitem(last=False)
        with place.lock:
            if not place.made:
                place.made.append(make())
            return place.made[0]

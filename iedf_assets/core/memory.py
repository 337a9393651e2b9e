"""Memory: what the C library and Python keep of it, and how many pixels are decoded at once."""

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# As malloc.h has it.
_M_ARENA_MAX = -8


_counters: list[Callable[[int], None]] = []


def count_pixels(counter: Callable[[int], None]) -> None:
    """Have `counter` called before a photo is decoded, with its pixels; it returns when that may begin."""
    _counters[:] = [counter]


def claim_pixels(pixels: int) -> None:
    """Wait until so many pixels may be decoded; not at all where nobody counts."""
    for counter in _counters:
        counter(pixels)


def give_back() -> None:
    """Have glibc return what was freed to the system; elsewhere nothing happens.

    What pictures and rows of a stage left free in pieces, between blocks that are still in use, would else
    add up from wave to wave.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_few_heaps() -> None:
    """Have glibc serve all threads from two heaps, as of now; elsewhere nothing happens.

    By default each thread has one of its own, and what is free in one is of no use to the others. Most of
    what a factory allocates comes in large blocks, so that threads hardly wait for each other.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


@contextmanager
def importing() -> Iterator[None]:
    """Import large packages in the block: no garbage is looked for among what stays, then or later.

    They define hundreds of thousands of objects, each of which Python would look at over and over.
    """
    collects, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        if collects:
            gc.enable()

"""What lies behind an object is completed once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from iedf_assets.core.filling.behind import KEPT, Fills, Part, hole_of


def test_a_hole_reaches_a_little_beyond_what_can_be_seen() -> None:
    alpha = np.zeros((500, 800), np.uint8)
    alpha[200:300, 300:400] = 1
    hole = hole_of(alpha)
    assert set(np.unique(hole)) == {0, 255}
    assert [int(side) for side in (np.nonzero(hole)[0].min(), np.nonzero(hole)[1].max())] == [196, 403]


def test_those_that_ask_at_once_wait_for_one_filling() -> None:
    fills, made, begun = Fills(), [], threading.Event()

    def make() -> Part:
        begun.wait(5)
        made.append(1)
        return np.zeros((2, 2, 3), np.uint8), 1, 2

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(fills.of, "a", make) for _ in range(4)]
        begun.set()
        parts = [one.result() for one in asked]
    assert len(made) == 1
    assert all(part is parts[0] for part in parts)


def test_only_the_latest_are_kept() -> None:
    fills, made = Fills(), []

    def asked(name: str) -> None:
        fills.of(name, lambda: (made.append(name), (np.zeros((1, 1, 3), np.uint8), 0, 0))[1])  # type: ignore[func-returns-value]

    for name in [*map(str, range(KEPT + 1)), "1", "0"]:
        asked(name)
    assert made == [*map(str, range(KEPT + 1)), "0"]


def test_a_filling_that_failed_is_tried_again() -> None:
    fills = Fills()
    answers: list[ValueError | Part] = [ValueError("full"), (np.zeros((1, 1, 3), np.uint8), 0, 0)]

    def make() -> Part:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    for _ in range(2):
        try:
            part = fills.of("a", make)
        except ValueError:
            continue
    assert part[1:] == (0, 0)

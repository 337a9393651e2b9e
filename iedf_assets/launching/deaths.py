"""What becomes of requests whose worker died: most are handed on, what kills workers is written off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from iedf_assets.core.contract import EditRequest, LayerRequest
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pairs.making import AnyPair
from iedf_assets.core.reasons import TIMED_OUT
from iedf_assets.core.storage.journal import Row

# Why a worker died, as its rows say it.
WORKER_DIED = "worker_died"
# Workers that die so often without finishing anything in between are not started again.
MAX_DEATHS = 3
ModelRequest = LayerRequest | EditRequest
Request = ModelRequest | AnyPair


class WorkerDiedError(WorkerError):
    """A worker that did not end by itself: it was killed, crashed or went silent.

    Args:
        reason: the word for the rows of what it was at: `worker_died` or `timed_out`.
        at: keys of the requests that it had begun.
    """

    def __init__(self, reason: str, problem: str, remedy: str, at: frozenset[str]) -> None:
        super().__init__(problem, remedy)
        self.reason, self.at = reason, at


class Settled(NamedTuple):
    """What a death comes to.

    Attributes:
        rest: the requests that are still to be made, what the worker was at last.
        failed: rows of those that are given up.
        hopeless: workers keep dying, or this one had not even begun: there is no sense in another one.
    """

    rest: list[Request]
    failed: list[Row]
    hopeless: bool


@dataclass
class Deaths:
    """The deaths of the workers of one share of the work.

    Attributes:
        elsewhere: whether they work on other machines, whose end says nothing of the work.
    """

    elsewhere: bool = False
    in_a_row: int = 0
    _suspects: set[str] = field(default_factory=set)

    def settle(self, left: Sequence[Request], finished: set[str], death: WorkerDiedError) -> Settled:
        """What is still to be made after a death, and what is given up.

        A worker may be killed from outside, so what it was at gets a second chance, after all others. What
        hangs would most likely hang again.

        Args:
            left: the dead worker's requests.
            finished: keys of those among them that have rows.
        """
        at = {item.key for item in left if item.key in death.at} - finished
        lost = at if death.reason == TIMED_OUT else at & self._suspects
        self._suspects |= at
        self.in_a_row = 1 if finished else self.in_a_row + 1
        rest = [item for item in left if item.key not in finished | lost]
        return Settled(
            sorted(rest, key=lambda item: item.key in self._suspects),
            [_failed(item, death) for item in left if item.key in lost],
            self.in_a_row >= MAX_DEATHS or not (finished or at or self.elsewhere),
        )


def _failed(item: Request, death: WorkerDiedError) -> Row:
    return {
        **item.row,
        "status": "failed",
        "reason": death.reason,
        "detail": death.problem[:500],
        "attempts": int(item.row.get("attempts") or 0) + 1,
    }

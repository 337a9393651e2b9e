"""When new data deserves a run: a pure decision over what is seen now and what was seen before."""

import json
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True)
class Observation:
    """One look at a category.

    Attributes:
        fingerprint: of its files' names, sizes and times; None when its folder cannot be read.
        unfinished: how many of its files still have to go through the stages.
        attempts: how many attempts its failed rows have had, so that a retry counts as getting on.
        verdicts: how many there are of its edits, so that a further try counts as getting on.
        running: whether a run of it is queued or under way.
        behind: whether the index does not tell of its dataset as it is, since a run ended before that.
        asks: what somebody has to say yes to before it is worked on; None when nothing is to be asked.
    """

    fingerprint: str | None
    unfinished: int = 0
    attempts: int = 0
    verdicts: int = 0
    running: bool = False
    behind: bool = False
    asks: str | None = None


@dataclass(frozen=True)
class Ask:
    """A run that is due."""

    category: str
    run_key: str


@dataclass
class Memory:
    """What the sensor remembers between its looks (its cursor).

    Attributes:
        seen: fingerprint of the last look, by category.
        asked: the state for which a run was last asked, by category.
        count: how many runs were asked for; makes every run key new.
    """

    seen: dict[str, str | None] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @classmethod
    def load(cls, cursor: str | None) -> Self:
        """The memory of a cursor; an empty one for None."""
        return cls(**json.loads(cursor)) if cursor else cls()

    def dump(self) -> str:
        """The cursor."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def decide(memory: Memory, looks: dict[str, Observation]) -> tuple[list[Ask], list[str]]:
    """The runs to ask for now, and why other categories wait; `memory` is brought up to date.

    A category is due when it has unfinished files or the index is behind, looks the same as last time (files
    still being copied settle first), has no run under way, and has got on since a run was last asked for.
    """
    asks, waiting = [], []
    for category, look in looks.items():
        reason = _reason_to_wait(memory, category, look)
        if memory.seen.get(category) != look.fingerprint:
            memory.asked.pop(category, None)
        memory.seen[category] = look.fingerprint
        if reason:
            waiting.append(f"{category}: {reason}")
            continue
        memory.count += 1
        memory.asked[category] = _state(look)
        asks.append(Ask(category, f"{category}:{look.fingerprint}:{memory.count}"))
    return asks, waiting


def _state(look: Observation) -> str:
    return f"{look.fingerprint}:{look.unfinished}:{look.attempts}:{look.verdicts}"


def _reason_to_wait(memory: Memory, category: str, look: Observation) -> str | None:
    stuck = "the last run did not get on; mend what it reports and run it by hand"
    reasons = (
        (look.fingerprint is None, "its folder cannot be read"),
        (look.unfinished == 0 and not look.behind, "nothing to do"),
        (look.asks is not None, look.asks),
        (look.running, "a run is under way"),
        (memory.seen.get(category) != look.fingerprint, "its files are still changing"),
        (memory.asked.get(category) == _state(look), stuck),
    )
    return next((reason for waits, reason in reasons if waits), None)

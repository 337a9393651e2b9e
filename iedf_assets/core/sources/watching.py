"""When a category deserves a run: a pure decision over what is seen now and what was seen before."""

import json
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Self

from iedf_assets.core.storage.keys import digest

# So often a run that went well is asked for again when it left everything as it was: something may have
# happened in between that looks alike. After that, something is wrong with it.
SAME_AGAIN = 3


class LastRun(NamedTuple):
    """The newest run of a category that has ended.

    Attributes:
        succeeded, cancelled: how; else it failed.
    """

    name: str
    succeeded: bool = False
    cancelled: bool = False


@dataclass(frozen=True)
class Observation:
    """One look at a category.

    Attributes:
        fingerprint: of its files' names, sizes and times; None when they cannot be listed.
        settings: of all settings that its rows depend on.
        unfinished: its files that still have to go through the stages.
        attempts: how many attempts its failed rows have had, so that a retry counts as getting on.
        verdicts: another number when a verdict on its edits is another, which counts as getting on.
        leaving: whether something listed or published has to go: its photo is gone, or it left the plan.
        behind: whether the index does not tell of its dataset as it is, since a run ended before that.
        running: the run of it that is queued or under way.
        last: the newest run of it that has ended.
        asks: what somebody has to mend or say yes to before it is worked on; None when it is nothing.
    """

    fingerprint: str | None
    unfinished: tuple[str, ...] = ()
    attempts: int = 0
    verdicts: int = 0
    settings: str = ""
    leaving: bool = False
    behind: bool = False
    running: str | None = None
    last: LastRun | None = None
    asks: str | None = None

    @property
    def work(self) -> str | None:
        """What there is to do, in words; None for nothing."""
        count = len(self.unfinished)
        reasons = (
            (count > 0, f"{count} photo{'s are' if count > 1 else ' is'} not through all stages"),
            (self.leaving, "what is of photos that are gone, or left the plan, has to go"),
            (self.behind, "the index is behind"),
        )
        return ", ".join(text for holds, text in reasons if holds) or None

    @property
    def cause(self) -> str:
        """Tells whether somebody changed photos or settings."""
        return digest(self.fingerprint, self.settings)

    @property
    def state(self) -> str:
        """Tells whether a run got on with it."""
        told = sorted(self.unfinished), self.attempts, self.verdicts, self.leaving, self.behind
        return digest(self.cause, *told)


@dataclass(frozen=True)
class Ask:
    """A run that is due, and why."""

    category: str
    run_key: str
    why: str


@dataclass
class Asked:
    """What a run was asked for.

    Attributes:
        state: of the category at that look.
        after: the newest run that had ended then.
        times: how often it was asked for the same.
    """

    state: str
    after: str | None
    times: int = 1


@dataclass
class Memory:
    """What the sensor remembers between its looks (its cursor). It does without, after one more look.

    Attributes:
        seen: fingerprint of the last look, by category.
        asked: what a run was last asked for, by category.
        cancelled: the run that somebody cancelled, and the photos and settings at that time, by category.
    """

    seen: dict[str, str | None] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    cancelled: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: str | None) -> Self:
        """The memory of a cursor; an empty one for None and for what cannot be read."""
        try:
            told = json.loads(cursor) if cursor else {}
            asked = {name: Asked(**one) for name, one in told.pop("asked", {}).items()}
            cancelled = {name: (run, cause) for name, (run, cause) in told.pop("cancelled", {}).items()}
            return cls(asked=asked, cancelled=cancelled, **told)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def dump(self) -> str:
        """The cursor."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)


def decide(memory: Memory, looks: dict[str, Observation]) -> tuple[list[Ask], list[str]]:
    """The runs to ask for now, and why other categories wait; `memory` is brought up to date.

    A category is due when there is work, its files look the same as last time (those still being copied
    settle first), no run of it is under way, and none failed at the same or was cancelled since photos and
    settings are what they are.
    """
    asks, waiting = [], []
    for category, look in looks.items():
        if not look.work:
            memory.asked.pop(category, None)
        reason = _reason_to_wait(memory, category, look)
        memory.seen[category] = look.fingerprint
        if reason or not look.work:
            waiting.append(f"{category}: {reason}")
            continue
        before = memory.asked.get(category)
        last = look.last.name if look.last else None
        times = before.times + 1 if before and before.state == look.state else 1
        memory.asked[category] = Asked(look.state, last, times)
        run_key = f"{category}:{last or 'first'}:{look.state}:{times}"
        asks.append(Ask(category, run_key, look.work))
    return asks, waiting


def _reason_to_wait(memory: Memory, category: str, look: Observation) -> str | None:
    reasons = (
        (look.asks is not None, look.asks),
        (look.fingerprint is None, "its folder cannot be read"),
        (look.work is None, "nothing to do"),
        (look.running is not None, f"the run {look.running} is under way"),
        (memory.seen.get(category) != look.fingerprint, "its files are still changing"),
    )
    reason = next((reason for waits, reason in reasons if waits), None)
    return reason or _cancelled(memory, category, look) or _stuck(memory.asked.get(category), look)


def _cancelled(memory: Memory, category: str, look: Observation) -> str | None:
    """Why a run that somebody cancelled is not asked for again at once."""
    if look.last is None or not look.last.cancelled:
        memory.cancelled.pop(category, None)
        return None
    run, cause = memory.cancelled.setdefault(category, (look.last.name, look.cause))
    if run != look.last.name:
        memory.cancelled[category] = look.last.name, look.cause
    elif cause != look.cause:
        return None
    return (
        f"its last run {look.last.name} was cancelled; it goes on when photos or settings change, or after a "
        "run by hand"
    )


def _stuck(asked: Asked | None, look: Observation) -> str | None:
    """Why a run that did not get on is not asked for again at once."""
    if asked is None or asked.state != look.state or look.last is None or look.last.name == asked.after:
        return None
    if look.last.succeeded and asked.times < SAME_AGAIN:
        return None
    return (
        f"the last run {look.last.name} did not get on; mend what it reports and run it by hand, or change "
        "photos or settings"
    )

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.sources.watching import SAME_AGAIN, LastRun, Memory, Observation, decide

THREE = ("x", "y", "z")


def look(memory: Memory, **looks: Observation) -> list[str]:
    asks, waiting = decide(memory, looks)
    assert len(asks) + len(waiting) == len(looks)
    return [ask.category for ask in asks]


def test_a_category_is_asked_for_once_its_files_have_settled() -> None:
    memory = Memory()
    assert look(memory, a=Observation("f1", THREE)) == []
    assert look(memory, a=Observation("f2", THREE)) == []
    assert look(memory, a=Observation("f2", THREE)) == ["a"]


def test_nothing_is_asked_for_while_a_run_is_under_way_or_nothing_is_to_do() -> None:
    memory = Memory(seen={"a": "f", "b": "f"})
    assert look(memory, a=Observation("f", THREE, running="run"), b=Observation("f")) == []


@pytest.mark.parametrize("work", [{"behind": True}, {"leaving": True}, {"unfinished": ("x",)}])
def test_a_run_is_asked_for_whatever_is_to_be_done(work: dict[str, object]) -> None:
    memory = Memory(seen={"a": "f"})
    asks, _ = decide(memory, {"a": Observation("f", **work)})  # type: ignore[arg-type]  # one field of many
    assert [ask.category for ask in asks] == ["a"]
    assert asks[0].why


def test_a_run_that_failed_is_not_asked_for_again_but_a_retry_is() -> None:
    memory = Memory(seen={"a": "f"})
    assert look(memory, a=Observation("f", THREE)) == ["a"]
    assert look(memory, a=Observation("f", THREE, last=LastRun("r1"))) == []
    assert look(memory, a=Observation("f", THREE, attempts=1, last=LastRun("r1"))) == ["a"]


def test_a_run_that_succeeds_and_leaves_all_as_it_was_is_asked_for_a_few_times() -> None:
    memory = Memory(seen={"a": "f"})
    asked = [
        look(memory, a=Observation("f", THREE, last=LastRun(f"r{number}", succeeded=True)))
        for number in range(SAME_AGAIN + 2)
    ]
    assert asked == [["a"]] * SAME_AGAIN + [[], []]


def test_damage_after_a_run_that_succeeded_is_asked_for_each_time() -> None:
    memory = Memory(seen={"a": "f"})
    for number in range(8):
        last = LastRun(f"r{number}", succeeded=True)
        assert look(memory, a=Observation("f", ("x",), last=last)) == ["a"]
        done = LastRun(f"r{number + 1}", succeeded=True)
        assert look(memory, a=Observation("f", last=done)) == []


def test_what_somebody_has_to_say_yes_to_is_told_and_not_run() -> None:
    memory = Memory()
    seen = Observation("a", THREE, asks="9 of the 20 published samples would be withdrawn")
    for _ in range(3):
        asks, waiting = decide(memory, {"x": seen})
        assert asks == []
    assert waiting == ["x: 9 of the 20 published samples would be withdrawn"]


def test_the_memory_survives_its_cursor_and_a_cursor_of_another_version_is_none() -> None:
    memory = Memory()
    for settings, last in (("s", LastRun("r", cancelled=True)), ("t", LastRun("r", cancelled=True))):
        for _ in range(2):
            decide(memory, {"物理变化": Observation("f", THREE, settings=settings, last=last)})
    assert memory.asked
    assert memory.cancelled
    assert Memory.load(memory.dump()) == memory
    assert Memory.load(None) == Memory()
    assert Memory.load('{"seen": {}, "asked": {"a": "f:1:0:0"}, "count": 4}') == Memory()
    assert Memory.load("no JSON") == Memory()


@dataclass
class World:
    """A category, its runs and the sensor, with everything that may befall them."""

    photos: set[int] = field(default_factory=set)
    made: dict[int, int] = field(default_factory=dict)
    settings: int = 0
    running: bool = False
    last: LastRun | None = None
    cursor: str | None = None
    keys: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    waiting: str = ""

    @property
    def unfinished(self) -> tuple[str, ...]:
        return tuple(str(photo) for photo in self.photos if self.made.get(photo) != self.settings)

    def observe(self) -> Observation:
        return Observation(
            str(sorted(self.photos)), self.unfinished, settings=str(self.settings),
            leaving=bool(self.made.keys() - self.photos), running="now" if self.running else None,
            last=self.last,
        )  # fmt: skip

    def look(self) -> bool:
        """One look of the sensor; whether it asks. What it asks for is under way then."""
        memory, seen = Memory.load(self.cursor), self.observe()
        asks, waiting = decide(memory, {"a": seen})
        self.cursor, self.waiting = memory.dump(), "".join(waiting)
        for ask in asks:
            assert seen.work, "asked though there is nothing to do"
            assert not seen.running, "asked while a run is under way"
            assert ask.run_key not in self.keys, "asked under an old key, which Dagster would ignore"
            self.keys.add(ask.run_key)
            self.running = True
        return bool(asks)

    def end(self, how: str) -> None:
        if not self.running:
            return
        self.running = False
        if how == "succeeded":
            self.made = dict.fromkeys(self.photos, self.settings)
        self.last = LastRun(
            f"r{next(self.numbers)}", succeeded=how == "succeeded", cancelled=how == "cancelled"
        )

    def happen(self, what: str) -> None:
        match what:
            case "look":
                self.look()
            case "succeeded" | "failed" | "cancelled":
                self.end(what)
            case "cursor reset":
                self.cursor = None
            case "damaged":
                self.made.pop(min(self.made, default=-1), None)
            case "deleted":
                self.photos.discard(min(self.photos, default=-1))
            case _:
                self.change(what)

    def change(self, what: str) -> None:
        if what == "new":
            self.photos.add(next(self.numbers))
        elif what == "changed" and self.photos:
            self.photos.remove(max(self.photos))
            self.photos.add(next(self.numbers))
        elif what == "profile changed":
            self.settings = next(self.numbers) + 1


EVENTS = ("look", "look", "new", "changed", "deleted", "damaged", "succeeded", "failed", "cancelled",
          "profile changed", "cursor reset")  # fmt: skip


def ended(world: World) -> bool:
    return not world.observe().work


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_happens_it_asks_when_there_is_work_and_says_why_where_it_does_not(
    events: list[str],
) -> None:
    world = World()
    for event in events:
        world.happen(event)
    world.end("succeeded")
    for _ in range(6):
        world.look()
        world.end("succeeded")
    if not ended(world):
        assert world.last
        assert not world.last.succeeded
        assert f"run {world.last.name}" in world.waiting
        # Whoever changes something is heard.
        world.change("new")
        for _ in range(3):
            world.look()
            world.end("succeeded")
    assert ended(world)
    assert not world.look()
    assert world.waiting == "a: nothing to do"

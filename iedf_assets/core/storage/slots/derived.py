"""Which slots are derived of the published ones of a photo, each with its tries, by their subtypes alone.

Whether two edits get along, planning tells by the recipes: what does not is turned down, and the next try
takes another.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from iedf_assets.core.profile.derive import INVERSES, Derive
from iedf_assets.core.profile.subtypes import COMPOSED, SUBTYPES, Subtype

if TYPE_CHECKING:
    from iedf_assets.core.storage.keys import Slot

TURN = "turn"
# At most so many other edits, and so many of the whole picture, are tried as a turn.
_STEPS, _TONES = 4, 2
# Likewise of edits that are composed.
_COMPOSED = 6
# What leaves the subject's shape and place, so that its background can be edited after it.
_IN_PLACE = ("identity", "recolor")


class Child(Protocol):
    """Makes a derived slot: its role, subtype, the slots that it is made of, and the number of its try."""

    def __call__(self, role: str, subtype: Subtype, parents: tuple["Slot", ...], number: int) -> "Slot":
        """The slot."""


def children(derive: Derive, published: Sequence["Slot"], child: Child) -> Iterator[list["Slot"]]:
    """The tries of each slot that is derived of published ones of one source.

    Args:
        published: its slots with a pair in the dataset, in the order of the plan, the derived ones last.
    """
    own = [slot for slot in published if not slot.parents]
    for slot in own:
        if derive.inverse and slot.subtype.name in INVERSES:
            yield [child("inverse", SUBTYPES[INVERSES[slot.subtype.name]], (slot,), 1)]
    if derive.compose:
        yield _composed(derive.compose, own, child)
    if derive.turns:
        yield from _turns(derive.turns, own, {slot.role: slot for slot in published}, child)


def chain_of(slot: "Slot") -> list["Slot"]:
    """The slots whose recipes made a turn's result of the photo, in their order; of another slot itself."""
    if not is_turn(slot):
        return [slot]
    return [*chain_of(slot.parents[0]), slot.parents[1] if len(slot.parents) > 1 else slot]


def turns_of(slot: "Slot") -> list["Slot"]:
    """A turn and those before it, from the first; of another slot itself."""
    return [*turns_of(slot.parents[0]), slot] if is_turn(slot) else [slot]


def is_rendered(role: str, subtype: Subtype) -> bool:
    """Whether a worker makes the picture of a derived slot: a later turn is edited as it lies there.

    All others are laid together, or computed, of what there is.
    """
    return role.startswith(TURN) and subtype.tier != "stated"


def turn_of(role: str) -> int:
    """Which turn of its chain a role is; the first for what is no later one."""
    return int(role.removeprefix(TURN)) if role.startswith(TURN) else 1


def is_turn(slot: "Slot") -> bool:
    """Whether a slot is a later turn of a chain."""
    return slot.role.startswith(TURN)


def _turns(
    number: int, own: Sequence["Slot"], by_role: dict[str, "Slot"], child: Child
) -> Iterator[list["Slot"]]:
    """The next turns of the one chain of a photo, up to a number of turns."""
    last = _head(own)
    if last is None:
        return
    for turn in range(2, number + 1):
        role, done = f"{TURN}{turn}", chain_of(last)
        steps = [step for step in own if _can_follow(done, step)]
        steps = sorted(steps, key=lambda step: not _varied([*done, step]))[:_STEPS]
        options: list[tuple[Subtype, tuple[Slot, ...]]] = [(step.subtype, (last, step)) for step in steps]
        options += [(tone, (last,)) for tone in _tones(done)[:_TONES]]
        yield [child(role, *option, place) for place, option in enumerate(options, 1)]
        if role not in by_role:
            return
        last = by_role[role]


def _head(own: Sequence["Slot"]) -> "Slot | None":
    """What the chain of a photo begins with.

    Of half of the photos it is a move, if an edit of an object's light or colour can go on from it.
    """
    steps = [slot for slot in own if _is_step(slot) and slot.subtype.mask_of == "object"]
    others = [slot for slot in own if _is_step(slot) or slot.subtype.tier == "stated"]
    goes_on = any(slot.subtype.name in _IN_PLACE for slot in steps) and _number_of(own[0]) // 2 % 2
    moves = [slot for slot in steps if slot.subtype.name == "move"] if goes_on else []
    return next(iter([*moves, *steps, *others]), None)


def _composed(number: int, own: Sequence["Slot"], child: Child) -> list["Slot"]:
    """The tries of several edits in one: of as many as possible first.

    Half of the photos begin with those of which one is of the background, around objects that stayed.
    """
    steps = [slot for slot in own if _is_step(slot) and slot.subtype.mask_of == "object"]
    backgrounds = [slot for slot in own if slot.subtype.mask_of == "background"]
    options = [
        parts for count in range(number, 1, -1) for parts in combinations(steps, count) if _varied(parts)
    ]
    in_place = [slot for slot in steps if slot.subtype.name in _IN_PLACE]
    around = [
        (*parts, background)
        for count in range(number - 1, 0, -1)
        for parts in combinations(in_place, count)
        if _varied(parts)
        for background in backgrounds
    ][: _COMPOSED // 2]
    first = 0 if own and _is_odd(own[0]) else _COMPOSED // 2
    options += [parts for parts in combinations(steps, 2) if not _varied(parts)]
    options[first:first] = around
    return [child("composed", COMPOSED, parts, place) for place, parts in enumerate(options[:_COMPOSED], 1)]


def _is_odd(slot: "Slot") -> bool:
    """Of one half of all photos, by their content."""
    return _number_of(slot) % 2 == 1


def _number_of(slot: "Slot") -> int:
    """A number of a photo, by its content."""
    return sum(map(ord, slot.source_id))


def _varied(slots: Sequence["Slot"]) -> bool:
    """Whether slots begin with different objects, where a photo has so many: each variant with another."""
    return len({slot.variant for slot in slots}) == len(slots)


def _is_step(slot: "Slot") -> bool:
    return slot.subtype.tier == "composited"


def _can_follow(done: Sequence["Slot"], step: "Slot") -> bool:
    """Whether an edit made of the photo can be laid over others of it."""
    if not _is_step(step) or step in done:
        return False
    if not all(_is_step(slot) and slot.subtype.mask_of == "object" for slot in done):
        return False
    return step.subtype.mask_of == "object" or all(slot.subtype.name in _IN_PLACE for slot in done)


def _tones(done: Sequence["Slot"]) -> list[Subtype]:
    """Edits of the whole picture that have not been made of it yet, beginning with another for each photo."""
    tones = [subtype for subtype in SUBTYPES.values() if subtype.tier == "stated"]
    first = _number_of(done[0]) % len(tones)
    return [tone for tone in tones[first:] + tones[:first] if tone not in [slot.subtype for slot in done]]

"""Drawing a recipe: the parameters of one edit, from a seed, the subject and the profile's limits.

| subtype | parameters |
|---|---|
| move | `dx`, `dy` pixels; `direction` left, right, up, down; `percent` of the width or height; `by` |
| scale | `factor`; `anchor_x`, `anchor_y` pixels: new = anchor + factor * (old - anchor); `by` |
| delete | none; `by` of the others above is `model` where one draws them, else absent |
| recolor | `colour`, a key of `COLOURS`; `hue` (degrees) and `chroma` in OKLCh; `gamma` of the lightness |
| identity | `kind`, one of `IDENTITY_KINDS`; `strength` 0-1 |
| background | `kind`, one of `BACKGROUND_KINDS`; `strength` 0-1 |
| contrast, brightness, color_tone | `kind` and `percent`, see `iedf_assets.core.edits.stated` |
| replace by the kind `reference` | `reference`, the `source_id` and number of an object; `given`, its name |
| replace_text, remove_text | `lettering`, the text that the object bears; of the first also `kind` |
| what only a model can do | `kind`, one of those that `configs/edits.yaml` has for the subtype, or `text` |
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from iedf_assets.core.edits.paints import paints_for
from iedf_assets.core.edits.stated import KINDS
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import looks_like_skin
from iedf_assets.core.pictures.layers import is_found
from iedf_assets.core.profile.bank import bank
from iedf_assets.core.profile.subtypes import (
    SUBTYPES,
    Background,
    Delete,
    Identity,
    Kinds,
    Move,
    Recolor,
    Scale,
    Stated,
)

Recipe = dict[str, Any]
Subject = Mapping[str, Any]

IDENTITY_KINDS = (
    "relight_left", "relight_right", "relight_above", "warm", "cool", "brighten", "darken", "contrast",
)  # fmt: skip
BACKGROUND_KINDS = ("defocus", "warm", "cool", "darken", "brighten", "desaturate")
STRENGTH_STEP = FACTOR_STEP = 0.05
# Of a network's object: the most of the picture that is made up behind it, and its tones' least strength.
MADE_UP, CLEAR = 0.18, 0.65
# The share of an object that its body's colour must cover, and what of it may look like skin.
_LEAST_BODY, _MOST_SKIN = 0.6, 0.04
# How far apart the middle half of a body's pixels may be in OKLab lightness.
_WIDEST = 0.22
# The share of another thing's box that a moved or grown subject may cover.
_OVERLAP = 0.02


@dataclass(frozen=True)
class Unplannable:
    """Why no such edit can be made of this subject.

    Attributes:
        reason: `no_room`, `object_too_small`, `object_too_large`, `no_body_colour`, `no_colour` or `no_text`.
        detail: the same with the numbers.
    """

    reason: str
    detail: str


@dataclass(frozen=True)
class Cut:
    """Which borders of the picture cut the subject off."""

    left: bool
    right: bool
    top: bool
    bottom: bool


def draw(
    subtype: str, seed: int, subject: Subject, width: int, height: int, limits: Any
) -> Recipe | Unplannable:
    """The recipe of an edit; equal arguments give equal recipes.

    Args:
        subtype: its name.
        subject: its box `x`, `y`, `width`, `height` (pixels), `area_share` (0-1) and `colour` (RGB, 0-255);
            perhaps what is known of its `body`'s colour, the `text` that it bears, and the boxes of the
            `others`; empty for an edit of the whole picture.
        width, height: of the picture, pixels.
        limits: the profile's `recipes` section of that subtype.

    Returns:
        `{"task", "subtype", ...parameters}`, or why there is none.
    """
    share, largest = subject.get("area_share", 0.0), getattr(limits, "max_area", 1.0)
    if subtype in {"delete", "move"} and subject.get("confidence") is not None:
        largest = min(largest, MADE_UP)
    if share > largest:
        return Unplannable("object_too_large", f"{share:.3f} of the picture, more than {largest}")
    drawn = _DRAWERS.get(subtype, _of_the_bank(subtype))(random.Random(seed), subject, width, height, limits)  # noqa: S311  # no secret
    if isinstance(drawn, Unplannable):
        return drawn
    return {"task": SUBTYPES[subtype].task, "subtype": subtype, **drawn, **getattr(limits, "maker", {})}


def in_pixels(recipe: Mapping[str, Any], box: Subject, width: int, height: int) -> Recipe:
    """The recipe with the pixels that follow from what it states: a move's shift, a scaling's anchor.

    Args:
        recipe: of a move with `direction` and `percent`, of a scaling with `factor`; others stay as they are.
        box: of the object, `x`, `y`, `width`, `height`, pixels.
    """
    derived: Recipe = {}
    if "direction" in recipe and "percent" in recipe:
        sideways = recipe["direction"] in {"left", "right"}
        shift = _shift_px(recipe["direction"], recipe["percent"], width if sideways else height)
        derived = {"dx": shift if sideways else 0, "dy": 0 if sideways else shift}
    elif "factor" in recipe:
        derived = _anchor(box, width, height)
    return derived | dict(recipe)


def cut_of(subject: Subject, width: int, height: int) -> Cut:
    """The borders that the subject's box reaches, to a pixel."""
    return Cut(
        left=subject["x"] <= 1,
        right=subject["x"] + subject["width"] >= width - 1,
        top=subject["y"] <= 1,
        bottom=subject["y"] + subject["height"] >= height - 1,
    )


def _move(
    rng: random.Random, subject: Subject, width: int, height: int, limits: Move
) -> Recipe | Unplannable:
    """Along the ground where there is room, else up or down."""
    cut = cut_of(subject, width, height)
    below = height - subject["y"] - subject["height"]
    beside = width - subject["x"] - subject["width"]
    axes = (
        ("width", width, {"left": subject["x"], "right": beside}, cut.left or cut.right),
        ("height", height, {"up": subject["y"], "down": below}, cut.top or cut.bottom),
    )
    # What a border cuts off may not come into view, so the subject only moves along that border. Where the
    # other things of the photo are known, it is not lifted off the ground, nor put onto one of them.
    for extent, length, rooms, crosses_border in axes[: 1 if is_found(subject) else 2]:
        spans = {
            name: _clear(_percents(room, length, limits), name, length, subject)
            for name, room in rooms.items()
        }
        feasible = {name: span for name, span in spans.items() if span and not crosses_border}
        if feasible:
            away = math.ceil(100 * subject[extent] / length)
            direction, percent = _step(rng, feasible) if is_found(subject) else _shift(rng, feasible, away)
            shift = _shift_px(direction, percent, length)
            return {
                "direction": direction,
                "percent": percent,
                "dx": shift if extent == "width" else 0,
                "dy": shift if extent == "height" else 0,
            }
    rooms = {name: room for _, _, by_name, _ in axes for name, room in by_name.items()}
    return Unplannable("no_room", f"room to move, pixels: {rooms}; cut by the border: {cut}")


def _clear(span: Sequence[int], direction: str, length: int, subject: Subject) -> Sequence[int]:
    """Those percentages of a direction that put the subject onto none of the photo's other things."""

    def is_clear(percent: int) -> bool:
        shift = _shift_px(direction, percent, length)
        across = direction in {"left", "right"}
        return not _meets_others(subject, shift if across else 0, 0 if across else shift, 1.0, (0.0, 0.0))

    return [percent for percent in span if is_clear(percent)]


def _meets_others(subject: Subject, dx: float, dy: float, factor: float, anchor: tuple[float, float]) -> bool:
    """Whether the subject's box, scaled about a point and shifted, covers over 2 % of another thing's box.

    What the box covers already, as of things that it stands among, does not count.
    """
    old = (subject["x"], subject["y"], subject["x"] + subject["width"], subject["y"] + subject["height"])
    ax, ay = anchor
    new = (
        ax + factor * (old[0] - ax) + dx,
        ay + factor * (old[1] - ay) + dy,
        ax + factor * (old[2] - ax) + dx,
        ay + factor * (old[3] - ay) + dy,
    )
    return any(
        _shared(new, box) - _shared(old, box) > _OVERLAP * box[2] * box[3]
        for box in subject.get("others", ())
    )


def _shared(area: tuple[float, float, float, float], box: Sequence[int]) -> float:
    """The pixels that an area (left, top, right, bottom) and a box (x, y, width, height) share."""
    x, y, width, height = box
    across = min(area[2], x + width) - max(area[0], x)
    down = min(area[3], y + height) - max(area[1], y)
    return max(across, 0) * max(down, 0)


def _shift(rng: random.Random, spans: dict[str, Sequence[int]], extent: int) -> tuple[str, int]:
    """A direction and a percentage: away from the old place altogether if possible, else rather far.

    Args:
        spans: the percentages that each direction allows.
        extent: of the object along them, in percent.
    """
    away = {name: [percent for percent in span if percent >= extent] for name, span in spans.items()}
    farther = {name: span[len(span) // 2 :] for name, span in spans.items()}
    chosen = {name: span for name, span in away.items() if span} or farther
    direction = rng.choice(list(chosen))
    return direction, rng.choice(chosen[direction])


def _step(rng: random.Random, spans: dict[str, Sequence[int]]) -> tuple[str, int]:
    """A direction and a percentage, rather near: the less comes into view, the less is made up."""
    direction = rng.choice(list(spans))
    span = spans[direction]
    return direction, rng.choice(span[: len(span) // 2 + 1])


def _shift_px(direction: str, percent: int, length: int) -> int:
    return round(percent * length / 100) * (-1 if direction in {"left", "up"} else 1)


def _percents(room: int, length: int, limits: Move) -> range:
    """The whole percentages of `length` that fit into `room` pixels and the limits."""
    greatest = min(room * 100 // length, math.floor(limits.max_shift * 100 + 1e-9))
    return range(max(1, math.ceil(limits.min_shift * 100 - 1e-9)), greatest + 1)


def _scale(
    rng: random.Random, subject: Subject, width: int, height: int, limits: Scale
) -> Recipe | Unplannable:
    """About the point that the subject stands on, or the border that cuts it, so that the cut stays there."""
    cut = cut_of(subject, width, height)
    if (cut.left and cut.right) or (cut.top and cut.bottom):
        return Unplannable("no_room", f"opposite borders cut the object: {cut}")
    right, bottom = subject["x"] + subject["width"] - 1, subject["y"] + subject["height"] - 1
    anchor = _anchor(subject, width, height)

    def fits(factor: float) -> bool:
        return (
            _inside(subject["x"], right, factor, anchor["anchor_x"], width)
            and _inside(subject["y"], bottom, factor, anchor["anchor_y"], height)
            and not _meets_others(subject, 0, 0, factor, (anchor["anchor_x"], anchor["anchor_y"]))
        )

    smaller = _steps(limits.min_smaller, limits.max_smaller, FACTOR_STEP)
    larger = [factor for factor in _steps(limits.min_larger, limits.max_larger, FACTOR_STEP) if fits(factor)]
    if is_found(subject):
        # What has grown covers its old place, and what has shrunk a little most of it: little is made up.
        smaller = [] if larger or subject["area_share"] > MADE_UP else smaller[-1:]
    choices = [factors for factors in (smaller, larger) if factors]
    if not choices:
        return Unplannable("no_room", f"no factor within {limits} keeps the object in the picture")
    return {"factor": rng.choice(rng.choice(choices)), **anchor}


def _anchor(subject: Subject, width: int, height: int) -> dict[str, float]:
    cut = cut_of(subject, width, height)
    right, bottom = subject["x"] + subject["width"] - 1, subject["y"] + subject["height"] - 1
    return {
        "anchor_x": 0.0 if cut.left else width - 1.0 if cut.right else (subject["x"] + right) / 2,
        "anchor_y": 0.0 if cut.top else height - 1.0 if cut.bottom else float(bottom),
    }


def _inside(first: int, last: int, factor: float, anchor: float, length: int) -> bool:
    """Whether pixels first ... last stay within a row or column of that length."""
    return anchor + factor * (first - anchor) >= -1.5 and anchor + factor * (last - anchor) <= length + 0.5


def _delete(
    _rng: random.Random, subject: Subject, _width: int, _height: int, limits: Delete
) -> Recipe | Unplannable:
    share = subject["area_share"]
    if share < limits.min_area:
        return Unplannable("object_too_small", f"{share:.4f} of the picture, less than {limits.min_area}")
    return {}


def _recolor(
    rng: random.Random, subject: Subject, _width: int, _height: int, limits: Recolor
) -> Recipe | Unplannable:
    """Another colour for a thing of one colour, whose name most of its pixels will bear."""
    body = subject.get("body")
    if looks_like_skin(subject["colour"]) or (body and body["skin"] > _MOST_SKIN):
        return Unplannable("no_body_colour", "part of it could be skin, whose colour nobody changes")
    if body and body["share"] < _LEAST_BODY:
        detail = f"its commonest colour covers {body['share']:.0%} of it, less than {_LEAST_BODY:.0%}"
        return Unplannable("no_body_colour", detail)
    if body and body["lightness"][-1] - body["lightness"][0] > _WIDEST:
        return Unplannable("no_body_colour", "its commonest colour goes from dark to light, as fur does")
    lightness, _, hue = colour_names.lch_of(subject["colour"])
    levels = tuple(body["lightness"]) if body else (lightness,) * 3
    paints = paints_for(subject["colour"], levels, limits.min_hue_distance, mild=is_found(subject))
    if not paints:
        return Unplannable("no_colour", f"no colour is {limits.min_hue_distance} degrees from hue {hue:.0f}")
    return rng.choice(paints)


def _identity(
    rng: random.Random, subject: Subject, _width: int, _height: int, limits: Identity
) -> Recipe | Unplannable:
    lightness = colour_names.lch_of(subject["colour"])[0]
    kinds: tuple[str, ...] = IDENTITY_KINDS
    # More light of any kind hardly shows on black, nor on white.
    if lightness < 0.28:
        kinds = ("brighten",)
    elif lightness > 0.92:
        kinds = ("warm", "cool", "darken")
    return {"kind": rng.choice(kinds), "strength": _strength(rng, subject, limits)}


def _background(
    rng: random.Random, subject: Subject, _width: int, _height: int, limits: Background
) -> Recipe | Unplannable:
    # Blur shows whatever a network's mask lacks: seven of eight were called wrong.
    kinds = [kind for kind in BACKGROUND_KINDS if kind != "defocus" or "others" not in subject]
    return {"kind": rng.choice(kinds), "strength": _strength(rng, subject, limits)}


def _of_the_bank(subtype: str) -> "_Drawer":
    """Draws a kind of a subtype that only a model can do."""

    def drawer(rng: random.Random, _subject: Subject, _width: int, _height: int, limits: Kinds) -> Recipe:
        if limits.instruction:
            return {"text": " ".join(limits.instruction.split())}
        return {"kind": rng.choice(limits.kinds or bank().edits[subtype].drawn)}

    return drawer


def _lettered(subtype: str) -> "_Drawer":
    """Draws what becomes of the text on an object, which is not replaced by itself."""

    def drawer(rng: random.Random, subject: Subject, width: int, height: int, limits: Kinds) -> Any:
        text = subject.get("text")
        if limits.instruction:
            return _of_the_bank(subtype)(rng, subject, width, height, limits)
        if not text:
            return Unplannable("no_text", "nobody has read any text on it")
        if not SUBTYPES[subtype].writes:
            return {"lettering": text}
        kinds = bank().edits[subtype].kinds
        others = [
            kind
            for kind in limits.kinds or bank().edits[subtype].drawn
            if kinds[kind].en[0].lower() != text.lower()
        ]
        if not others:
            return Unplannable("no_text", f"it bears {text!r} already")
        return {"kind": rng.choice(others), "lettering": text}

    return drawer


def _stated(subtype: str) -> "_Drawer":
    """Draws a kind and whole percent of a function of the whole picture."""

    def drawer(rng: random.Random, _subject: Subject, _width: int, _height: int, limits: Stated) -> Recipe:
        return {
            "kind": rng.choice(KINDS[subtype]),
            "percent": rng.randint(limits.min_percent, limits.max_percent),
        }

    return drawer


def _strength(rng: random.Random, subject: Subject, limits: Identity | Background) -> float:
    # On what a network found, which is any thing of any colour, people call no tint slight that they see.
    clear = min(CLEAR, limits.max_strength) if is_found(subject) else 0.0
    steps = _steps(max(limits.min_strength, clear), limits.max_strength, STRENGTH_STEP)
    return rng.choice(steps or [limits.max_strength])


def _steps(least: float, greatest: float, step: float) -> list[float]:
    """The multiples of `step` from `least` to `greatest`."""
    first, last = math.ceil(least / step - 1e-9), math.floor(greatest / step + 1e-9)
    return [round(number * step, 2) for number in range(first, last + 1)]


_Drawer = Callable[[random.Random, Subject, int, int, Any], Recipe | Unplannable]
_DRAWERS: dict[str, _Drawer] = {
    "move": _move,
    "scale": _scale,
    "delete": _delete,
    "recolor": _recolor,
    "identity": _identity,
    "background": _background,
    **{name: _stated(name) for name in KINDS},
    **{name: _lettered(name) for name, subtype in SUBTYPES.items() if subtype.reads},
}

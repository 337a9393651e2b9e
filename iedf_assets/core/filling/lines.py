"""Straight and gently bent edges that end at a hole, and which of them go on behind it as one.

Segments come from R. Grompone von Gioi et al., "LSD: a Line Segment Detector" (IPOL 2012).
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from iedf_assets.core.arrays import Bools, Doubles, Floats, Pixels
from iedf_assets.core.filling.completion import spread

Points = Doubles
Kind = TypeVar("Kind", bound=np.generic)
Tried = tuple[Points, Points, Points, Bools]
"""Where an edge may leave a hole, (n, 2), which way it then runs, how far that is, and if an end is there."""

# Lines are looked for at a size with so many pixels at most.
SEEN_PIXELS = 1_500_000
# Of more edges than this at one hole only the longest are looked at.
MOST_ENDS = 60
# Shorter segments are texture; how near to the hole an edge must come: pixels, and as shares of the hole's
# longer side.
SHORTEST, SHORTEST_SHARE = 10.0, 0.03
NEAR, NEAR_SHARE = 4.0, 0.03
# An edge's profile reaches so far to either side of it, and is the mean over so many pixels along it; so much
# of it must be known.
ACROSS, ALONG, LEAST_KNOWN = 6, 10, 0.65
# The least step that is an edge, root mean square of a profile, levels, and how much, beside that, the
# colours may vary along it.
CONTRAST, UNSTEADY = 3.5, 1.0
# What two ends of an edge may differ by: in the shape of their profiles (the sine of the angle between
# them), in shade, levels, and in contrast.
UNLIKE, SHADE, GAIN = 0.65, 45.0, 2.5
# An edge may turn so much at each end, degrees. What is as bad as the greatest unlikeness: a bend of so many
# degrees; and what it costs, beside that, when no segment was found at the other end.
TURN, TURN_STEP, BENT, UNSEEN = 5.0, 1.0, 5.0, 0.4
# Two segments may turn as much as this, degrees.
KNOWN_TURN = 12.0
# Something else at the hole may hide so much of the edge's other side, pixels; that costs, and what is seen
# beyond it has to be so much more alike.
HIDDEN, HIDING, STRICTER = (0.0, 12.0, 24.0), 0.6, 0.75
# The gap may be so long beside what is seen of the edge; so much of it must be hole.
GAP, COVERED = 6.0, 0.8
# An edge's other end is moved across it by up to so much until the colours fit, pixels; what a pixel costs in
# likeness. Bends up to this are those of short segments, degrees.
SLIDES, SLIDE_COST, STRAIGHT = np.arange(-1.5, 1.51, 0.25), 0.05, 2.0
# Ends nearer than this are of one edge, pixels.
SAME = 2.5


@dataclass(frozen=True)
class End:
    """An edge that ends at a hole.

    Attributes:
        place: of its end, x and y, pixels, float64 (2,).
        ahead: into the hole, a unit vector, float64 (2,).
        length: of what is seen of it, pixels.
        hidden: of it beside the hole, by something else that lies on it, pixels.
    """

    place: Points
    ahead: Points
    length: float
    hidden: float = 0.0


@dataclass(frozen=True)
class Line:
    """An edge behind a hole, from one end to another; the lower its cost, the surer it is one edge."""

    one: End
    other: End
    cost: float


def find_lines(picture: Pixels, hole: Bools) -> list[Line]:
    """The edges of `picture`, uint8 (h, w, 3), that go on behind `hole`, bool (h, w); the surest first."""
    scale = min(1.0, math.sqrt(SEEN_PIXELS / hole.size))
    seen, unknown = picture, hole
    if scale < 1:
        size = max(1, round(hole.shape[1] * scale)), max(1, round(hole.shape[0] * scale))
        seen = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        unknown = np.asarray(cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)
    factor = hole.shape[1] / unknown.shape[1]
    ends = sorted(find_ends(seen, unknown), key=lambda end: -end.length)[:MOST_ENDS]
    lines = chosen(candidates(seen, unknown, ends))
    lines = [_settled(seen.astype(np.float32), unknown, line) for line in lines]
    return [Line(_scaled(line.one, factor), _scaled(line.other, factor), line.cost) for line in lines]


def _scaled(end: End, factor: float) -> End:
    return End((end.place + 0.5) * factor - 0.5, end.ahead, end.length * factor, end.hidden * factor)


def find_ends(picture: Pixels, hole: Bools) -> list[End]:
    """The edges that run into the hole."""
    smooth = np.rint(spread(picture.astype(np.float32), hole)).astype(np.uint8)
    side = max(cv2.boundingRect(hole.astype(np.uint8))[2:])
    near = max(NEAR, NEAR_SHARE * side)
    away = np.asarray(cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    ends: list[End] = []
    for segment in segments_of(smooth):
        for start, stop in _outside(segment, hole):
            if np.linalg.norm(stop - start) >= max(SHORTEST, SHORTEST_SHARE * side):
                both = (_end(hole, away, *way, near) for way in ((start, stop), (stop, start)))
                ends += [end for end in both if end is not None]
    return ends


def segments_of(picture: Pixels) -> Points:
    """All straight edges of a picture, uint8 (h, w, 3): float64 (n, 2, 2), x and y of both ends of each."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    found: Any = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    return np.zeros((0, 2, 2)) if found is None else np.asarray(found.reshape(-1, 2, 2), np.float64)


def _outside(segment: Points, hole: Bools) -> list[Points]:
    """The parts of a segment, (2, 2), that lie outside the hole."""
    count = max(2, math.ceil(float(np.linalg.norm(segment[1] - segment[0]))))
    points = segment[0] + (segment[1] - segment[0]) * np.linspace(0, 1, count)[:, None]
    clear = np.concatenate([[False], ~_at(hole, points), [False]])
    changes = np.flatnonzero(clear[1:] != clear[:-1])
    return [points[[first, last - 1]] for first, last in changes.reshape(-1, 2)]


def _at(mask: NDArray[Kind], points: Points) -> NDArray[Kind]:
    """A mask's values at points (..., 2), x and y; beyond it those at its border."""
    columns, rows = np.moveaxis(np.rint(points).astype(int), -1, 0)
    return np.asarray(mask[np.clip(rows, 0, mask.shape[0] - 1), np.clip(columns, 0, mask.shape[1] - 1)])


def _end(hole: Bools, away: Floats, back: Points, place: Points, near: float) -> End | None:
    length = float(np.linalg.norm(place - back))
    ahead = (place - back) / length
    if _at(away, place) > near:
        return None
    entering = _at(hole, place + np.arange(0, 2 * near + 3)[:, None] * ahead)
    # An outline of the hole is no edge that runs into it.
    rises = (_at(away, back) - _at(away, place)) / length
    if not entering[-3:].all() or rises < 0.3:
        return None
    return End(place + ahead * max(0, int(entering.argmax()) - 1), ahead, length)


@dataclass(frozen=True)
class Bands:
    """What lies along edges, from their ends away from the hole.

    Attributes:
        profiles: mean colours across each edge, float32 (n, 2 * ACROSS + 1, 3).
        known: where there is anything to take the mean of, bool (n, 2 * ACROSS + 1).
        unsteady: how far the colours are from the profile, root mean square, float32 (n,).
    """

    profiles: Floats
    known: Bools
    unsteady: Floats


def bands_of(values: Floats, hole: Bools, places: Points, ways: Points, normals: Points) -> Bands:
    """What lies at `places`, (n, 2), along `ways` and across them, along `normals`."""
    along = np.arange(1, ALONG + 1)[:, None, None]
    across = np.arange(-ACROSS, ACROSS + 1)[:, None]
    points = places[:, None, None] + along * ways[:, None, None] + across * normals[:, None, None]
    flat = points.reshape(len(places), -1, 2).astype(np.float32)
    colours = np.asarray(cv2.remap(values, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR), np.float32)
    colours = colours.reshape(*points.shape[:3], 3)
    limit = np.array(hole.shape[::-1]) - 1
    clear = (~_at(hole, points) & ((points >= 0) & (points <= limit)).all(-1))[..., None]
    counts = clear.sum(1)
    profiles = (colours * clear).sum(1) / np.maximum(counts, 1)
    residue = np.square(colours - profiles[:, None]).mean(-1, keepdims=True) * clear
    unsteady = np.sqrt(residue.sum((1, 2, 3)) / np.maximum(clear.sum((1, 2, 3)), 1))
    return Bands(profiles.astype(np.float32), counts[..., 0] >= ALONG // 3, unsteady.astype(np.float32))


def candidates(picture: Pixels, hole: Bools, ends: list[End]) -> list[Line]:
    """Each end with the place on the other side of the hole that looks most like its continuation."""
    values = picture.astype(np.float32)
    lines = [_continued(values, hole, end, ends) for end in ends]
    return [line for line in lines if line is not None]


def _continued(values: Floats, hole: Bools, end: End, ends: list[End]) -> Line | None:
    mine = bands_of(values, hole, end.place[None], -end.ahead[None], _normals(end.ahead[None]))
    if mine.known.sum() < LEAST_KNOWN * mine.known.size or not _is_edge(mine, np.ones(1, bool))[0]:
        return None
    tried = _tried(hole, end, ends)
    lines = (_best(values, hole, end, mine, tried, hidden) for hidden in HIDDEN)
    return next((line for line in lines if line is not None), None)


def _best(values: Floats, hole: Bools, end: End, mine: Bands, tried: Tried, hidden: float) -> Line | None:
    """The best of the places tried, where something hides so many pixels of the edge beside each."""
    places, ways, gaps, given = tried
    entry, turn = _angles(end.ahead, places - end.place), _angles(end.ahead, ways)
    if hidden:
        straight = ~given & (np.abs(turn - entry) < TURN_STEP / 2)
        places, ways, gaps, given = places[straight], ways[straight], gaps[straight], given[straight]
        entry, turn = entry[straight], turn[straight]
    if not len(gaps):
        return None
    theirs = bands_of(values, hole, places + hidden * ways, ways, _normals(ways))
    both = mine.known & theirs.known
    unlike, shade = _unlike(mine.profiles, theirs.profiles, both)
    bent = np.abs(entry) + np.abs(turn - entry)
    cost = unlike / UNLIKE + shade / SHADE + bent / BENT + ~given * UNSEEN + gaps / end.length / GAP
    cost += HIDING if hidden else 0
    most = STRICTER if hidden else 1
    good = (both.mean(1) >= LEAST_KNOWN) & (unlike <= UNLIKE * most) & (shade <= SHADE * most)
    cost[~(good & _is_edge(theirs, given))] = np.inf
    best = int(cost.argmin())
    if not np.isfinite(cost[best]):
        return None
    return Line(end, End(places[best], -ways[best], float(ALONG), hidden), float(cost[best]))


def _settled(values: Floats, hole: Bools, line: Line) -> Line:
    """A line whose other end lies where both ends' colours fit best, straight where it is nearly so."""
    normal = _normals(-line.other.ahead[None])[0]
    places = line.other.place + SLIDES[:, None] * normal
    hidden = line.other.hidden * -line.other.ahead
    ways = (-line.other.ahead)[None].repeat(len(SLIDES), 0)
    one = line.one
    mine = bands_of(values, hole, one.place[None], -one.ahead[None], _normals(one.ahead[None]))
    theirs = bands_of(values, hole, places + hidden, ways, _normals(ways))
    unlike, _ = _unlike(mine.profiles, theirs.profiles, mine.known & theirs.known)
    best = int((unlike + SLIDE_COST * np.abs(SLIDES)).argmin())
    chord = places[best] - one.place
    chord /= np.linalg.norm(chord)
    bends = _angles(chord, np.stack([one.ahead, -line.other.ahead]))
    ahead, back = (chord, -chord) if np.abs(bends).max() <= STRAIGHT else (one.ahead, line.other.ahead)
    other = replace(line.other, place=places[best], ahead=back)
    return Line(replace(one, ahead=ahead), other, line.cost)


def _tried(hole: Bools, end: End, ends: list[End]) -> Tried:
    """Where an edge may leave the hole, which way it then runs, how far that is, and if one was found."""
    angles = np.radians(np.arange(-TURN, TURN + 0.01, 0.5))
    exits, gaps = _exits(hole, end, _turned(end.ahead, angles))
    angles, exits, gaps = angles[gaps > 0], exits[gaps > 0], gaps[gaps > 0]
    turns = np.radians(np.arange(-TURN, TURN + 0.01, TURN_STEP))
    places = exits.repeat(len(turns), 0)
    ways = _turned(end.ahead, (angles[:, None] + turns).ravel())
    gaps = gaps.repeat(len(turns))
    given = np.zeros(len(gaps), bool)
    for other in ends:
        chord = other.place - end.place
        gap = float(np.linalg.norm(chord))
        if 4 < gap < GAP * max(end.length, 2.0 * ALONG):
            bends = _angles(end.ahead, np.stack([chord, -other.ahead]))
            steps = end.place + np.linspace(0, 1, math.ceil(gap))[:, None] * chord
            if np.abs(bends).max() < KNOWN_TURN and _at(hole, steps).mean() > COVERED:
                places, ways = np.vstack([places, other.place]), np.vstack([ways, -other.ahead])
                gaps, given = np.append(gaps, gap), np.append(given, True)
    return places, ways, gaps, given


def _angles(way: Points, ways: Points) -> Points:
    """From one direction to others, (n, 2), degrees."""
    return np.asarray(np.degrees(np.arctan2(way[0] * ways[:, 1] - way[1] * ways[:, 0], ways @ way)))


def _is_edge(bands: Bands, given: Bools) -> Bools:
    """Which bands hold a step that is steady along them; one that was found before, `given`, is."""
    mean = _mean(bands.profiles, bands.known)
    contrast = np.sqrt(_mean(np.square(bands.profiles - mean[:, None]), bands.known).mean(1))
    return np.asarray((contrast >= CONTRAST) & (given | (bands.unsteady <= UNSTEADY * contrast)))


def _mean(profiles: Floats, known: Bools) -> Floats:
    count = np.maximum(known.sum(1), 1)[:, None]
    return np.asarray((profiles * known[..., None]).sum(1) / count, np.float32)


def _unlike(one: Floats, other: Floats, both: Bools) -> tuple[Floats, Floats]:
    """How unlike in shape profiles are, 0 to 1, and how far apart in shade, levels."""
    means = _mean(one.repeat(len(both), 0), both), _mean(other, both)
    a, b = (one - means[0][:, None]) * both[..., None], (other - means[1][:, None]) * both[..., None]
    dot, size = (a * b).sum((1, 2)), np.sqrt(np.square(a).sum((1, 2)) * np.square(b).sum((1, 2)))
    alike = np.clip(dot / np.maximum(size, 1e-6), 0, 1)
    gain = np.square(a).sum((1, 2)) / np.maximum(np.square(b).sum((1, 2)), 1e-6)
    alike[(gain > GAIN**2) | (gain < GAIN**-2)] = 0
    return np.sqrt(1 - alike**2), np.abs(means[0] - means[1]).mean(1)


def _turned(way: Points, angles: Points) -> Points:
    cosines, sines = np.cos(angles)[:, None], np.sin(angles)[:, None]
    return np.hstack([cosines * way[0] - sines * way[1], sines * way[0] + cosines * way[1]])


def _normals(ways: Points) -> Points:
    return np.stack([-ways[:, 1], ways[:, 0]], -1)


def _exits(hole: Bools, end: End, ways: Points) -> tuple[Points, Points]:
    """Where rays from an end, (n, 2), leave the hole for good, and how far that is; 0 where they do not."""
    longest = min(math.hypot(*hole.shape), GAP * max(end.length, 2.0 * ALONG))
    steps = np.arange(1, longest)
    points = end.place + steps[:, None] * ways[:, None]
    limit = np.array(hole.shape[::-1]) - 1
    covered = _at(hole, points) | ~((points >= 0) & (points <= limit)).all(-1)
    # A few pixels between two parts of the hole are no other side.
    clear = np.zeros(covered.shape, bool)
    total = np.pad(np.cumsum(covered, 1), ((0, 0), (1, 0)))
    clear[:, : 1 - ALONG] = total[:, ALONG:] == total[:, :-ALONG]
    clear &= np.maximum.accumulate(covered, 1)
    first = clear.argmax(1)
    gaps = np.where(clear.any(1), first + 1, 0)
    return end.place + gaps[:, None] * ways, gaps.astype(np.float64)


def chosen(lines: list[Line]) -> list[Line]:
    """The surest of the lines; none crosses a surer one or is the same."""
    kept: list[Line] = []
    for line in sorted(lines, key=lambda line: line.cost):
        if not any(_cross(line, other) or _same(line, other) for other in kept):
            kept.append(line)
    return kept


def _same(one: Line, other: Line) -> bool:
    """Whether both run from the same place or to the same."""
    ends = [(a, b) for a in (one.one, one.other) for b in (other.one, other.other)]
    return any(float(np.linalg.norm(a.place - b.place)) < SAME for a, b in ends)


def _cross(one: Line, other: Line) -> bool:
    a, b, c, d = one.one.place, one.other.place, other.one.place, other.other.place

    def side(p: Points, q: Points, r: Points) -> float:
        return float((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0

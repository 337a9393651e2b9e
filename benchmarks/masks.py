"""How well the measures of masks tell good masks from bad ones that are made of them.

    python -m benchmarks.masks PHOTOS MASKS [--limits 0.90 0.93 0.96]

PHOTOS and MASKS are those of `benchmarks.objects`. Every thing of a given mask is good; `--fused NAME` names
photos whose largest thing is several. Each photo is looked at as it is, cropped and mirrored, and with half
its contrast and noise. Bad masks are made of each good one: a half, without its foot or its head, without its
limbs, with a slab of background, with a wide rim. For each measure: how well it separates (AUC), and what a
limit refuses.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.objects import PHOTOS, given_mask
from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import WorkerError
from iedf_assets.core.pictures.codecs import decode
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.mask_scores import Company, Measures, mask_scores
from iedf_assets.core.scoring.masks.second_opinion import SecondOpinion, looked_at_in, second_opinion

# A thing's least share of a picture.
LEAST = 0.002
GOOD, FUSED = "good", "fused"
LIMITS = {
    "object_agreement": ("min_object_agreement", 1),
    "neck_step": ("max_neck_step", -1),
    "outline_unseen": ("max_outline_unseen", -1),
    "remainder": ("max_remainder", -1),
    "swallowed": ("max_swallowed", -1),
    "left_pieces": ("max_left_pieces", -1),
}
CHECKS = {
    "object": ("object_agreement", "neck_step"),
    "remainder": ("outline_unseen", "remainder", "swallowed", "left_pieces"),
}


@dataclass(frozen=True)
class Case:
    """A mask of a photo, and of what kind it is."""

    kind: str
    rgb: Pixels
    mask: Pixels


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--fused", action="append", default=[], help="a photo whose largest thing is several")
    parser.add_argument("--limits", type=float, nargs="*", default=[0.90, 0.93, 0.96])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    opinion = second_opinion()
    if opinion is None:
        raise WorkerError("there is no network to ask", "make models")
    measured: dict[str, list[Measures]] = defaultdict(list)
    for case in cases(arguments.photos, arguments.masks, set(arguments.fused)):
        measured[case.kind].append(measures_of(case, opinion))
    print_separation(measured)
    print_refused(measured, arguments.limits)


def cases(photos: Path, masks: Path, fused: set[str]) -> Iterator[Case]:
    """All masks, good and bad, of all photos that have a given one."""
    rng = np.random.default_rng(0)
    for path in sorted(path for path in photos.rglob("*") if path.suffix.lower() in PHOTOS):
        given = masks / f"{path.stem}.png"
        if not given.is_file():
            continue
        rgb = np.asarray(decode(path), np.uint8)
        mask = np.where(given_mask(given, rgb.shape[:2]), 255, 0).astype(np.uint8)
        for picture, shown in _varied(rgb, mask, rng):
            small = looked_at_in(picture)
            things = _things(np.where(looked_at_in(shown) > 127, 255, 0).astype(np.uint8))
            for number, thing in enumerate(things):
                if path.stem in fused and number == 0:
                    yield Case(FUSED, small, thing)
                    continue
                yield Case(GOOD, small, thing)
                yield from (Case(kind, small, bad) for kind, bad in _spoilt(thing, rng))


def measures_of(case: Case, opinion: SecondOpinion) -> Measures:
    """The measures of a mask, as of a bare tree."""
    company = Company(opinions=opinion.of(case.rgb))
    return mask_scores(case.rgb, case.rgb, case.mask, None, SUBTYPES["delete"], company)


def print_separation(measured: dict[str, list[Measures]]) -> None:
    """The AUC of each measure between good masks and each kind of bad ones, as Markdown."""
    kinds = [kind for kind in measured if kind != GOOD]
    print(f"\n| measure | 5 % of {len(measured[GOOD])} good are beyond | {' | '.join(kinds)} |")
    print(f"|{'---|' * (len(kinds) + 2)}")
    for name, (_, sign) in LIMITS.items():
        good = _values(measured[GOOD], name) * sign
        areas = [_auc(good, _values(measured[kind], name) * sign) for kind in kinds]
        told = " | ".join(f"{area:.2f}" for area in areas)
        print(f"| {name} | {sign * float(np.quantile(good, 0.05)):.3g} | {told} |")


def print_refused(measured: dict[str, list[Measures]], limits: list[float]) -> None:
    """What each check refuses of each kind, at the present limits and at others of the agreement."""
    print(f"\n| check | {' | '.join(f'{kind} ({len(found)})' for kind, found in measured.items())} |")
    print(f"|{'---|' * (len(measured) + 1)}")
    present = Thresholds()
    for check, names in (*CHECKS.items(), ("either", tuple(LIMITS))):
        _print_row(check, measured, names, present)
    for limit in limits:
        changed = present.model_copy(update={"min_object_agreement": limit})
        _print_row(f"object_agreement ≥ {limit:g}", measured, ("object_agreement",), changed)


def _print_row(
    label: str, measured: dict[str, list[Measures]], names: tuple[str, ...], thresholds: Thresholds
) -> None:
    shares = [np.mean([_refused(one, names, thresholds) for one in found]) for found in measured.values()]
    print(f"| {label} | {' | '.join(f'{share:.0%}' for share in shares)} |")


def _refused(found: Measures, names: tuple[str, ...], thresholds: Thresholds) -> bool:
    for name in names:
        key, sign = LIMITS[name]
        value, limit = found.get(name), getattr(thresholds, key)
        if value is not None and limit is not None and sign * value < sign * limit:
            return True
    return False


def _values(found: list[Measures], name: str) -> np.ndarray:
    return np.array([value for one in found if (value := one.get(name)) is not None], float)


def _auc(good: np.ndarray, bad: np.ndarray) -> float:
    """How often a good one has more than a bad one; ties count half."""
    return float((good[:, None] > bad).mean() + 0.5 * (good[:, None] == bad).mean())


def _varied(rgb: Pixels, mask: Pixels, rng: np.random.Generator) -> Iterator[tuple[Pixels, Pixels]]:
    yield rgb, mask
    left, top, width, height = cv2.boundingRect(mask)
    room = (top, rgb.shape[0] - top - height, left, rgb.shape[1] - left - width)
    cut = [int(rng.uniform(0.2, 0.8) * length) for length in room]
    box = np.s_[cut[0] : rgb.shape[0] - cut[1], cut[2] : rgb.shape[1] - cut[3]]
    yield np.ascontiguousarray(rgb[box][:, ::-1]), np.ascontiguousarray(mask[box][:, ::-1])
    faint = rgb.mean(axis=(0, 1)) + 0.5 * (rgb - rgb.mean(axis=(0, 1))) + rng.normal(0, 3, rgb.shape)
    yield np.clip(faint, 0, 255).astype(np.uint8), mask


def _things(mask: Pixels) -> list[Pixels]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[:, cv2.CC_STAT_AREA]
    order = [n for n in np.argsort(-areas) if n and areas[n] >= LEAST * mask.size]
    return [np.where(labels == n, 255, 0).astype(np.uint8) for n in order]


def _spoilt(mask: Pixels, rng: np.random.Generator) -> Iterator[tuple[str, Pixels]]:
    """Bad masks of a good one, with their kind."""
    rows, columns = np.nonzero(mask)
    line, column = np.indices(mask.shape)
    side = len(rows) ** 0.5

    def kept(which: np.ndarray) -> Pixels:
        return np.where(which, mask, 0).astype(np.uint8)

    for angle in rng.uniform(0, 2 * np.pi, 2):
        along = line * np.sin(angle) + column * np.cos(angle)
        yield "half", kept(np.greater(along, np.quantile(along[mask > 0], rng.uniform(0.4, 0.6))))
    yield "no foot", kept(np.less(line, np.quantile(rows, rng.uniform(0.75, 0.88))))
    yield "no head", kept(np.greater(line, np.quantile(rows, rng.uniform(0.12, 0.25))))
    body = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _round(0.11 * side))
    if 0.5 < np.count_nonzero(body) / len(rows) < 0.93:
        yield "no limbs", np.asarray(body, np.uint8)
    for _ in range(2):
        half = int(side * rng.uniform(0.3, 0.6) ** 0.5) // 2
        for spot in rng.integers(len(rows), size=50):
            joined = mask.copy()
            joined[max(0, rows[spot] - half) : rows[spot] + half,
                   max(0, columns[spot] - half) : columns[spot] + half] = 255  # fmt: skip
            if np.count_nonzero(joined) > 1.2 * len(rows):
                yield "slab", joined
                break
    yield "rim", np.asarray(cv2.dilate(mask, _round(0.1 * side)), np.uint8)


def _round(radius: float) -> Pixels:
    reach = max(2, int(radius))
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(shape, np.uint8)


if __name__ == "__main__":
    main()

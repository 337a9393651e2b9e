"""Evens out shades: how much lighter or darker each pixel must become to meet its neighbours and the rim.

A membrane after P. Pérez, M. Gangnet, A. Blake, "Poisson Image Editing" (SIGGRAPH 2003), told by the jumps
between pieces, solved from coarse to fine by conjugate gradients.
"""

from dataclasses import dataclass

import numpy as np

from iedf_assets.core.arrays import Bools, Floats

SMALLEST, TOLERANCE = 12, 1e-3
ROUNDS, FIRST_ROUNDS = 25, 120


@dataclass(frozen=True)
class Links:
    """What neighbouring pixels want of each other, along one axis: pixel k + 1 minus pixel k.

    Attributes:
        steps: wanted differences, float32 (h, w, 3), the last row or column unused.
        weights: how much each is wanted, float32 (h, w, 1); 0 across the picture's border.
    """

    steps: Floats
    weights: Floats


def even_out(unknown: Bools, links: tuple[Links, Links]) -> Floats:
    """The field, float32 (h, w, 3), that is 0 where not `unknown` and meets the links' steps (least squares).

    Args:
        unknown: bool (h, w).
        links: downwards and to the right.
    """
    height, width = unknown.shape
    start = np.zeros((height, width, 3), np.float32)
    rounds = FIRST_ROUNDS
    if min(height, width) > SMALLEST:
        coarse = even_out(_halved_any(unknown), (_halved(links[0], 0), _halved(links[1], 1)))
        start = coarse.repeat(2, 0).repeat(2, 1)[:height, :width] * unknown[..., None]
        rounds = ROUNDS
    return _conjugate_gradients(unknown, links, start, rounds)


def _halved_any(mask: Bools) -> Bools:
    padded = np.pad(mask, [(0, size % 2) for size in mask.shape])
    return np.asarray(padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).any((1, 3)))


def _halved(links: Links, axis: int) -> Links:
    """The same wishes between blocks of 2x2 pixels; `axis` is the links' own."""
    if axis == 1:
        halved = _halved(_turned(links), 0)
        return _turned(halved)
    steps, weights = (
        np.pad(values, [(0, values.shape[0] % 2), (0, values.shape[1] % 2), (0, 0)])
        for values in (links.steps, links.weights)
    )
    # From the middle of one block to that of the next: half of each one's own step, all of the step between.
    across = steps[1::2] + steps[::2] / 2
    across[:-1] += steps[2::2] / 2
    strength = weights[1::2]
    both = strength[:, ::2] + strength[:, 1::2]
    mean = (across[:, ::2] * strength[:, ::2] + across[:, 1::2] * strength[:, 1::2]) / np.maximum(both, 1e-6)
    return Links(np.asarray(mean, np.float32), np.asarray(both / 2, np.float32))


def _turned(links: Links) -> Links:
    return Links(links.steps.transpose(1, 0, 2), links.weights.transpose(1, 0, 2))


def _conjugate_gradients(unknown: Bools, links: tuple[Links, Links], start: Floats, rounds: int) -> Floats:
    mask = unknown[..., None].astype(np.float32)
    field = start
    residual = _pull(field, links, wanted=True) * mask
    direction = residual.copy()
    energy = np.vdot(residual, residual)
    enough = energy * TOLERANCE**2
    for _ in range(rounds):
        if energy <= max(enough, 1e-3):
            break
        bent = _pull(direction, links, wanted=False) * -mask
        step = energy / max(float(np.vdot(direction, bent)), 1e-12)
        field = field + step * direction
        residual -= step * bent
        before, energy = energy, np.vdot(residual, residual)
        direction = residual + (energy / before) * direction
    return np.asarray(field, np.float32)


def _pull(field: Floats, links: tuple[Links, Links], *, wanted: bool) -> Floats:
    """What the links pull each pixel by: towards their steps, or (not `wanted`) only towards each other."""
    pull = np.zeros_like(field)
    down, right = links
    force = field[1:] - field[:-1]
    if wanted:
        force -= down.steps[:-1]
    force *= down.weights[:-1]
    pull[:-1] += force
    pull[1:] -= force
    force = field[:, 1:] - field[:, :-1]
    if wanted:
        force -= right.steps[:, :-1]
    force *= right.weights[:, :-1]
    pull[:, :-1] += force
    pull[:, 1:] -= force
    return pull

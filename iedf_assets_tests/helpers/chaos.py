"""Rounds of chaos: a factory at work is struck at random moments, and compared with one left alone."""

import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from iedf_assets_tests.helpers.factories import RUN_S, Factory
from iedf_assets_tests.helpers.faults import FAULTS, FULL_DISK, KILLS, Undo, small_disk

MORE_RUNS = 2


@dataclass
class Round:
    """What was done in a round, and what came of it.

    Attributes:
        faults: what was injected, and after how many seconds.
        runs: how many were needed.
        problems: what does not agree with the undisturbed factory; none is as it should be.
    """

    seed: int
    faults: list[str] = field(default_factory=list)
    runs: int = 0
    problems: list[str] = field(default_factory=list)


def play(seed: int, base: Path, reference: Factory, run_s: float, faults: Sequence[str] = ()) -> Round:
    """Strike a factory once or twice while it runs, then let it finish in at most two more runs.

    Args:
        base: a new folder.
        run_s: how long an undisturbed run takes, seconds.
        faults: what befalls it; else that is drawn.
    """
    chance, played = random.Random(seed), Round(seed)
    drawn = [chance.choice(list(FAULTS)) for _ in range(chance.choice((1, 1, 2)))]
    base.mkdir(parents=True)
    with small_disk(base) if FULL_DISK in (faults or drawn) else contextlib.nullcontext():
        struck = Factory(base, reference.backend, watched=True)
        _strike(faults or drawn, chance, struck, reference, run_s, played)
    return played


def _strike(
    names: Sequence[str],
    chance: random.Random,
    factory: Factory,
    reference: Factory,
    run_s: float,
    played: Round,
) -> None:
    shutil.copytree(reference.base / "data", factory.base / "data")
    factory.prepare()
    undo: list[Undo] = []
    process = factory.start()
    moments = sorted(chance.uniform(0.05, 0.95) * run_s for _ in names)
    begun = time.monotonic()
    for name, moment in zip(names, moments, strict=True):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, begun + moment - time.monotonic()))
        played.faults.append(f"{name} at {moment:.1f} s")
        undo.append(FAULTS[name](factory, process, chance))
    process.wait(timeout=RUN_S)
    played.runs = 1
    for step in reversed(undo):
        step()
    code = None
    while code != 0 and played.runs <= MORE_RUNS:
        code = factory.start().wait(timeout=RUN_S)
        played.runs += 1
    if code != 0:
        played.problems.append(f"the last run ended with {code}")
    _compare(factory, reference, played, whole=set(names) <= KILLS)


def _compare(factory: Factory, reference: Factory, played: Round, *, whole: bool) -> None:
    mine, theirs = factory.samples(), reference.samples()
    if mine.keys() != theirs.keys():
        played.problems.append(f"{len(theirs.keys() - mine)} lost, {len(mine.keys() - theirs)} not wanted")
    keys = [key for key, _ in mine.values()]
    if len(keys) != len(set(keys)):
        played.problems.append("two samples have one number")
    different = [edit for edit in mine.keys() & theirs.keys() if mine[edit][1] != theirs[edit][1]]
    if different:
        played.problems.append(f"{len(different)} differ in their bytes, {different[0]} for one")
    renumbered = [edit for edit in mine.keys() & theirs.keys() if mine[edit][0] != theirs[edit][0]]
    if whole and renumbered:
        played.problems.append(f"{len(renumbered)} have another number")
    if factory.left_over():
        played.problems.append(f"temporary files: {factory.left_over()[:3]}")
    deadline = time.monotonic() + 10
    while factory.processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    if factory.processes():
        played.problems.append(f"processes remain: {factory.processes()}")

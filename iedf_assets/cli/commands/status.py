"""`iedf status`, and `iedf run --dry-run`: where each category stands, and what a run would do."""

import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from iedf_assets.cli.commands.run import faults_of_facts, nobodys_samples
from iedf_assets.cli.consoles import PlainConsole, named_table
from iedf_assets.core.errors import FactoryError, StorageError
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.planning.book import STAGES, Book
from iedf_assets.core.planning.limits import Allowance
from iedf_assets.core.planning.status import Estimate, Standing, estimate, standings
from iedf_assets.core.planning.withdrawals import require_meant
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.coverage import SIZES, covered, read_coverage
from iedf_assets.core.sources import scan
from iedf_assets.core.sources.beside import Told
from iedf_assets.core.sources.facts import Finding
from iedf_assets.core.sources.found import Found
from iedf_assets.core.storage.manifests import batches, decode, read_rows
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.unforeseen import last_words


class Look(NamedTuple):
    """Where a category stands by its stages, what of its facts is not used, and why a run would refuse it."""

    standing: list[Standing]
    findings: list[Finding]
    refusal: str | None


COLUMNS = ("done", "pending", "stale", "filtered", "rejected", "failed", "parked", "held")
ALWAYS = ("done", "pending")


def show_status(profile: Profile, names: list[str], *, as_json: bool) -> None:
    """Print where categories stand."""
    looks, broken = _found(profile, names)
    if as_json:
        told = {name: _as_json(look) for name, look in looks.items()}
        print(json.dumps(told, ensure_ascii=False, indent=1))  # noqa: T201  # for programs
        _raise(broken)
        return
    found = {name: look.standing for name, look in looks.items()}
    console = PlainConsole()
    console.print(_table(found))
    _tell_slots(console, found)
    _tell_why(console, found)
    _tell_limits(console, profile)
    if not broken:
        _tell_coverage(console, profile)
    for line in [*_faults(looks), *nobodys_samples(Layout.of(profile))]:
        console.print(line, soft_wrap=True, highlight=False)
    _raise(broken)


def _table(found: dict[str, list[Standing]]) -> Table:
    """What is counted of each stage; of columns that hold nothing the first two alone, to fit a terminal."""
    counts = {
        (name, one.stage): {
            column: one.stale.total() if column == "stale" else getattr(one, column) for column in COLUMNS
        }
        for name, standing in found.items()
        for one in standing
    }
    shown = [
        column for column in COLUMNS if column in ALWAYS or any(count[column] for count in counts.values())
    ]
    table = named_table({"category": found, "stage": STAGES}, shown)
    for name, standing in found.items():
        for one in standing:
            told = (str(counts[name, one.stage][column] or "") for column in shown)
            table.add_row(name if one.stage == STAGES[0] else "", one.stage, *told)
        table.add_section()
    return table


def _raise(broken: list[FactoryError]) -> None:
    if broken:
        raise StorageError("; ".join(error.problem for error in broken), broken[0].remedy)


def _found(profile: Profile, names: list[str]) -> tuple[dict[str, Look], list[FactoryError]]:
    """Where categories stand, and what is wrong with those of which nobody can tell."""
    looks: dict[str, Look] = {}
    broken: list[FactoryError] = []
    for name in names:
        try:
            looks[name] = _look(profile, name)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one category, the others are told
            broken.append(error if isinstance(error, FactoryError) else StorageError(last_words(error)))
    return looks, broken


def _as_json(look: Look) -> list[dict[str, Any]]:
    """A stage after another; what of the facts is not used, and a refusal, stand with the photos."""
    sources, *others = (asdict(one) for one in look.standing)
    findings = [one._asdict() for one in look.findings]
    return [{**sources, "findings": findings, "refusal": look.refusal}, *others]


def _faults(looks: dict[str, Look]) -> list[str]:
    refusals = [look.refusal for look in looks.values() if look.refusal]
    return refusals + [line for name, look in looks.items() for line in faults_of_facts(name, look.findings)]


def show_rows(profile: Profile, names: list[str], stage: str) -> None:
    """Print everything known of a stage as JSON lines, each with its category; nested values as objects."""
    layout = Layout.of(profile)
    try:
        for name in names:
            for batch in batches(read_rows(layout, stage, name).table):
                for row in batch.iter_rows(named=True):
                    line = {"category": name, **decode(row)}
                    print(json.dumps(line, ensure_ascii=False))  # noqa: T201  # for programs
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_plan(profile: Profile, names: list[str]) -> None:
    """Print what a run would do, and about how long it would take."""
    looks, broken = _found(profile, names)
    _print_plan(profile, looks)
    _raise(broken)


def _print_plan(profile: Profile, looks: dict[str, Look]) -> None:
    found = {name: look.standing for name, look in looks.items()}
    numbers = ("to make", "about", "new in staging")
    console, table = PlainConsole(), named_table({"category": found, "stage": STAGES}, numbers)
    layout = Layout.of(profile)
    rows = {stage: [read_rows(layout, stage, name) for name in looks] for stage in STAGES}
    total, unknown = 0.0, False
    for name, standing in found.items():
        for one in standing:
            if not one.to_make:
                continue
            told = estimate(one, rows[one.stage], _threads(profile, name, one.stage))
            judged = one.stage == "dataset"  # which takes next to nothing
            total, unknown = total + (told.seconds or 0.0), unknown or (told.seconds is None and not judged)
            table.add_row(name, one.stage, str(one.to_make), "" if judged else _duration(told), _size(told))
    _tell_limits(console, profile)
    for line in _faults(looks):
        console.print(line, soft_wrap=True, highlight=False)
    if not table.row_count:
        console.print("nothing to do")
        return
    console.print(table)
    _tell_why(console, found)
    if unknown and not total:
        console.print("how long it takes is not known before some rows were made; nothing was done")
        return
    more = " beside the stages marked ?, of which no rate is known yet" if unknown else ""
    console.print(f"in all about {_clock(total)}{more}; nothing was done")


def _look(profile: Profile, name: str) -> Look:
    book = Book.open(profile, Layout.of(profile), name)
    told = scan.look_around(book.layout, name, profile.sources)
    photos, findings = told or Told([], [])
    return Look(standings(book, photos), findings, _refusal(book, told and told.photos))


def _refusal(book: Book, found: list[Found] | None) -> str | None:
    """Why a run would refuse a category as it is now; None where it would not."""
    try:
        require_meant(book, found)
    except FactoryError as error:
        return f"{book.name}: a run refuses: {error.problem}; {error.remedy}"
    return None


def _tell_limits(console: Console, profile: Profile) -> None:
    used = Allowance.of(profile, Layout.of(profile)).used
    if used:
        console.print(f"used of the limits: {'; '.join(used)}", soft_wrap=True)


def _tell_coverage(console: Console, profile: Profile) -> None:
    """How many samples of each kind of edit there are by size, place and colour, and what is missing."""
    lines = covered(read_coverage(Layout.of(profile)))
    if not any(line.samples for line in lines):
        return
    table = named_table({"edit": [line.kind for line in lines]}, ("samples", *SIZES, "cells empty"))
    for line in lines:
        sizes = [str(line.counts["size"].get(size) or "") for size in SIZES]
        table.add_row(line.kind, str(line.samples), *sizes, f"{line.empty} of {line.cells}")
    console.print(table)
    for line in lines:
        if line.samples and (missing := "; ".join(", ".join(values) for values in line.missing.values())):
            console.print(f"{line.kind}: none of {missing}", soft_wrap=True)


def _threads(profile: Profile, name: str, stage: str) -> int:
    workers = profile.category(name).workers
    worker = {"image_layers": workers.layered, "edited_images": workers.edit}.get(stage)
    if worker is None:
        return thread_count(profile.threads)
    # A model takes one photo at a time, on each group of devices.
    return max(1, len(worker.devices)) if worker.runs_pipeline else thread_count(worker.threads)


def _tell_slots(console: Console, found: dict[str, list[Standing]]) -> None:
    """What became of the planned edits, where one may have had several tries."""
    for name, standing in found.items():
        slots = standing[-1].slots
        if slots["tries"] > slots["planned"]:
            console.print(
                f"{name}: of {slots['planned']} edits {slots['filled']} are published, {slots['open']} open, "
                f"{slots['given_up']} given up, in {slots['tries']} tries",
                soft_wrap=True,
            )


def _tell_why(console: Console, found: dict[str, list[Standing]]) -> None:
    why = Counter[tuple[str, str, str]]()
    for name, standing in found.items():
        for one in standing:
            for reason, count in one.stale.items():
                why[name, one.stage, reason] += count
    for (name, stage, reason), count in why.items():
        console.print(f"{name}, {stage}: {count} stale: {reason}", soft_wrap=True)


def _duration(told: Estimate) -> str:
    return "?" if told.seconds is None else _clock(told.seconds)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
    )


def _size(told: Estimate) -> str:
    return "" if told.new_bytes is None else f"{told.new_bytes / 1e6:,.0f} MB"

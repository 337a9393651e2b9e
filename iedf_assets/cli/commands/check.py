"""`iedf check`: the verdict on a dataset tree, as a table or as JSON."""

import json
from pathlib import Path
from typing import get_args

from rich.table import Table

from iedf_assets.cli.consoles import PlainConsole
from iedf_assets.cli.progress import TerminalProgress
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.judging.dataset_check import CheckReport, check_dataset
from iedf_assets.core.parallel import thread_count
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.subtypes import Tier

SHOWN = 50


def check_tree(
    profile: Profile,
    dataset: Path,
    index: Path | None,
    tier: str | None,
    *,
    as_json: bool,
    deep: bool = False,
) -> bool:
    """Check a tree and print what was found; whether it is clean.

    Raises:
        ProfileError: there is no such index or tier.
    """
    if index is not None and not index.is_file():
        raise ProfileError(f"there is no index {index}", "leave --index out to look beside the dataset")
    chosen: Tier | None = next((name for name in get_args(Tier) if name == tier), None)
    with TerminalProgress() as progress:
        found = check_dataset(
            dataset,
            index,
            chosen,
            profile.thresholds,
            thread_count(profile.threads),
            lambda done, total: progress("check", dataset.name, done, total),
            deep=deep,
        )
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=1))  # noqa: T201  # JSON and nothing else
    else:
        _print_tables(found)
    return found.clean


def _print_tables(found: CheckReport) -> None:
    console = PlainConsole(soft_wrap=True)
    if found.lint:
        table = Table("path", "code", "finding", title="lint")
        for issue in found.lint[:SHOWN]:
            table.add_row(issue.path, issue.code, issue.message)
        console.print(table)
    bad = [pair for pair in found.pairs if not pair.passed]
    if bad:
        table = Table("sample", "failed", "not run", title="pairs that do not pass")
        for pair in bad[:SHOWN]:
            table.add_row(str(pair.sample), ", ".join(pair.failed_checks), ", ".join(pair.not_run))
        console.print(table)
    hidden = max(0, len(found.lint) - SHOWN) + max(0, len(bad) - SHOWN)
    summary = found.as_json()["summary"]
    console.print(
        f"{summary['samples']} samples: {summary['passed']} passed, {summary['failed']} failed, "
        f"{summary['undecided']} undecided; {len(found.lint)} lint findings"
        + (f"; {summary['accepted']} are accepted by a person" if summary["accepted"] else "")
        + (f"; {hidden} more lines with --json" if hidden else "")
    )

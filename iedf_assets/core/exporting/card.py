"""The card of an export, `README.md`: what the Hub and people want to know of it, from the manifests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from iedf_assets.core.exporting.counts import Counts
from iedf_assets.core.exporting.formats.parquet import CHAINS, LIST, PAIRS, chain_columns, columns
from iedf_assets.core.exporting.formats.webdataset import CHAINS as TARS_OF_CHAINS
from iedf_assets.core.exporting.units import Plan, Unit
from iedf_assets.core.planning.accounts import Survival, survival_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.publishing.coverage import Covered, coverage, covered
from iedf_assets.core.storage.files import read_json
from iedf_assets.core.storage.keys import digest

NAME = "README.md"
Texts = Mapping[str, Any]
_FILES = {"parquet": "data/{}-*", "imagefolder": "{}/**", "webdataset": "{}-*.tar"}
_MAGNITUDES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


def card_unit(plan: Plan, counts: Counts) -> Unit:
    """The card; made when everything else lies there."""

    def make(files: Mapping[str, Path]) -> None:
        head = yaml.safe_dump(_head(plan, counts), sort_keys=False, allow_unicode=True)
        told = _told(plan, counts)
        parts = [f"---\n{head}---", *(_body(plan, told, words) for words in texts().values())]
        files[NAME].write_text("\n\n".join(parts) + "\n", "utf-8")

    return Unit((NAME,), None, 0, make)


def texts() -> Mapping[str, Texts]:
    """The texts of a card, by language."""
    found: Mapping[str, Texts] = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text("utf-8"))
    return found


def _head(plan: Plan, counts: Counts) -> dict[str, Any]:
    """What the Hub reads, and `datasets`."""
    asked = plan.asked
    magnitude = next((name for bound, name in _MAGNITUDES if counts.samples < bound), "n>1M")
    head: dict[str, Any] = {
        "pretty_name": plan.folder.name,
        "license": counts.licence,
        "language": list(asked.languages),
        "task_categories": ["image-to-image"],
        "tags": ["image-editing", "instruction-based", "mask"],
        "size_categories": [magnitude],
        "annotations_creators": ["machine-generated"],
    }
    pattern = _FILES.get(asked.format)
    if pattern:
        files = [{"split": split, "path": pattern.format(split)} for split in sorted(counts.splits)]
        head["configs"] = [
            {"config_name": "default", "default": True, "data_files": files},
            *_chain_configs(plan, counts),
        ]
    if asked.format == "parquet":
        pairs = _info(plan, PAIRS, columns(asked.languages), counts.splits, counts.bytes)
        chains = _info(plan, CHAINS, chain_columns(asked.languages), counts.chains, counts.chain_bytes)
        told = [{"config_name": "default", **pairs}, {"config_name": CHAINS, **chains}]
        head["dataset_info"] = told if counts.chains else pairs
    return head


def _chain_configs(plan: Plan, counts: Counts) -> Iterator[dict[str, Any]]:
    """How the records of chains are loaded, where there are any."""
    folders: Mapping[str, Mapping[str, Iterable[str]]] = {
        "parquet": {CHAINS: counts.chains} if counts.chains else {},
        "webdataset": {f"{TARS_OF_CHAINS}{turns}": splits for turns, splits in sorted(counts.turns.items())},
    }
    for folder, splits in folders.get(plan.asked.format, {}).items():
        files = [{"split": split, "path": f"{folder}/{split}-*"} for split in sorted(splits)]
        yield {"config_name": folder, "data_files": files}


def _info(
    plan: Plan, folder: str, kinds: Mapping[str, str], rows: Mapping[str, int], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """What `datasets` is told of the table in a folder.

    Args:
        kinds: see `parquet.columns`.
        rows, sizes: by split, how many there are and the bytes of their files.
    """
    return {
        "features": [{"name": name, **_feature(kind)} for name, kind in kinds.items()],
        "splits": [
            {"name": split, "num_bytes": sizes[split], "num_examples": rows[split]} for split in sorted(rows)
        ],
        "download_size": sum(path.stat().st_size for path in (plan.folder / folder).glob("*.parquet")),
        "dataset_size": sum(sizes.values()),
    }


def _feature(kind: str) -> dict[str, str]:
    return {"list" if kind.startswith(LIST) else "dtype": kind.removeprefix(LIST).lower()}


class _Told(NamedTuple):
    """What is told in each language."""

    counts: Counts
    covers: list[Covered]
    survival: list[Survival]


def _told(plan: Plan, counts: Counts) -> _Told:
    own = {head.key for head in plan.examples.heads()}
    covers = covered(coverage(plan.layout, plan.profile, own.__contains__))
    books = (Book.open(plan.profile, plan.layout, name) for name in plan.profile.categories)
    return _Told(counts, covers, [survival_of(book) for book in books])


def _body(plan: Plan, told: _Told, words: Texts) -> str:
    asked, counts = plan.asked, told.counts
    parts = [
        f"# {plan.folder.name}{words['title']}",
        words["summary"].format(samples=counts.samples),
        f"**{words['direction']}**",
        f"## {words['loading']}\n\n{words['load'][asked.format].format(folder=plan.folder)}",
        *_chains(plan, counts, words),
        f"## {words['made']}\n\n{words['how_made']}",
        words["profile"].format(digest=profile_digest(plan)),
        words["sizes_grid"] if asked.size == "grid" else words["sizes_native"].format(count=counts.resampled),
        f"## {words['counts']}\n\n{_tables(counts, words)}",
        f"## {words['coverage']}\n\n{_coverage(told.covers, words)}",
        f"## {words['survival']}\n\n{_survival(told.survival)}",
        f"## {words['judge']}\n\n{_judge(plan, words)}",
        f"## {words['wrong']}\n\n{words['known_wrong']}",
        f"## {words['privacy']}\n\n{words['about_privacy']}",
        f"## {words['citing']}\n\n{words['about_citing']}",
    ]
    return "\n\n".join(parts)


def _chains(plan: Plan, counts: Counts, words: Texts) -> Iterator[str]:
    """How the records of chains are loaded, where the form has any."""
    text = words["load_chains"].get(plan.asked.format)
    if text and counts.chains:
        yield text.format(folder=plan.folder, chains=counts.chains.total())


def profile_digest(plan: Plan) -> str:
    """What tells this profile from others, whatever folders it names."""
    return digest(plan.profile.model_dump(mode="json", exclude={"paths", "exports"}))


def _tables(counts: Counts, words: Texts) -> str:
    told = {
        "task/subtype": counts.kinds, "split": counts.splits, words["size_of_object"]: counts.sizes,
        "tier": counts.tiers, words["made_by"]: counts.makers,
        words["licence"]: counts.licences,
    }  # fmt: skip
    return "\n\n".join(table((name, words["samples"]), found.items()) for name, found in told.items())


def table(heading: tuple[str, ...], rows: Any) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in (heading, ("---",) * len(heading), *sorted(rows))]
    return "\n".join(lines)


def _coverage(lines: Sequence[Covered], words: Texts) -> str:
    """Samples of each kind of edit by size, place and colour of the object; what none of them has."""
    rows = [
        (
            line.kind,
            *("; ".join(f"{value} {n}" for value, n in of.items() if n) for of in line.counts.values()),
            "; ".join(", ".join(values) for values in line.missing.values()),
        )
        for line in lines
    ]
    return table(("task/subtype", *words["by"], words["without"]), rows)


def _survival(found: Iterable[Survival]) -> str:
    """What was left after each stage, by category."""
    rows = [one._asdict() for one in found]
    return table(tuple(rows[0]), [tuple(row.values()) for row in rows]) if rows else ""


def _judge(plan: Plan, words: Texts) -> str:
    rows = list(_canaries(plan))
    return table((words["fault"], words["injected"], words["found"]), rows) if rows else words["not_proven"]


def _canaries(plan: Plan) -> Iterator[tuple[str, int, str]]:
    """Each class of known faults: how many were injected, and the share that failed; good pairs too."""
    for row in read_json(plan.layout.canaries) or []:
        yield row["name"], row["injected"], f"{100 * min(row['rates']):.1f} %"

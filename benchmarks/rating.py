"""Have people rate what was published, and count what they say.

    python -m benchmarks.rating sheets OUTPUTS TARGET [--rejects]   # pages, in an order that tells nothing
    python -m benchmarks.rating tally TARGET RATINGS.csv [RATINGS.csv] [--limit max_loose_ends 0.02 0.05 0.1]

`sheets` writes `page_01.png` and so on into TARGET, five pairs a page: the source, the result and the mask,
with a number; `pairs.jsonl`, the numbers with both instructions, for the raters; and `key.jsonl`, what each
number is, not for the raters. A rating is a line `number,rating` with good, acceptable or wrong:

good: nothing to object to. acceptable: a small flaw, the instruction is still true, no part of the object
left behind or lost. wrong: a ghost, a cut or fused object, a false word, something floating, a visible
smear. In doubt, wrong.

With `--rejects` the pages hold what the judge refused as well, mixed in, to see what it refuses wrongly.

`tally` prints, for each rater, how much of what was published is wrong, and how many of the slots asked for
have a usable pair (good or acceptable), with 95 % intervals (E. B. Wilson, JASA 1927); and, of two raters,
their agreement (J. Cohen's kappa, 1960). With rejects, how many of the usable ones were refused; with
`--limit`, how all of that would be at other limits of the judge, by the scores of the pairs.
"""

import argparse
import csv
import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image, ImageDraw

from iedf_assets.core.judging.pair_checks import judge
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout, SampleKey

SIDE, MASK_SIDE, PER_PAGE, HEAD = 600, 240, 5, 18
RATINGS = ("good", "acceptable", "wrong")
SEED = 0
TEXTS = ("instruction_en", "instruction_ch")
ROLES = ("source", "result", "mask", *TEXTS)
# Of what was refused: role → file.
KEPT = {"source": "source.jpg", "result": "result.jpg", "mask": "mask.png"} | {
    name: f"{name}.txt" for name in TEXTS
}


def main() -> None:
    """Write the pages, or print the table."""
    arguments = _arguments()
    if arguments.command == "sheets":
        write_sheets(arguments.outputs, arguments.target, rejects=arguments.rejects)
    else:
        print_tally(arguments.target, arguments.ratings, arguments.limit)


def write_sheets(outputs: Path, target: Path, *, rejects: bool = False) -> None:
    """The pages, the texts and the key of all samples of some outputs, and of what was refused."""
    shown = list(_shown(_layout(outputs), rejects=rejects))
    random.Random(SEED).shuffle(shown)  # noqa: S311  # no secret
    target.mkdir(parents=True, exist_ok=True)
    rows = [pair for pair, _ in shown]
    told = [
        {"number": n, **{name: _text(files[name]) for name in TEXTS}} for n, (_, files) in enumerate(shown, 1)
    ]
    key = [{"number": n, **pair} for n, pair in enumerate(rows, 1)]
    _write_lines(target / "pairs.jsonl", told)
    _write_lines(target / "key.jsonl", [{"slots": slots_asked(outputs)}, *key])
    for start in range(0, len(rows), PER_PAGE):
        page_of = shown[start : start + PER_PAGE]
        strips = [_strip(files, start + n) for n, (_, files) in enumerate(page_of, 1)]
        page = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), "white")
        top = 0
        for strip in strips:
            page.paste(strip, (0, top))
            top += strip.height
        page.save(target / f"page_{start // PER_PAGE + 1:02d}.png")
    print(
        f"{len(rows)} pairs of {slots_asked(outputs)} slots on {-(-len(rows) // PER_PAGE)} pages in {target}"
    )


def _shown(layout: Layout, *, rejects: bool) -> Iterator[tuple[dict[str, Any], dict[str, Path]]]:
    """Each pair with what the judge knows and said of it, and its files by role."""
    statuses = ["published", "rejected"] if rejects else ["published"]
    for path in sorted((layout.manifests / "dataset").glob("*.parquet")):
        told = ("key", "scores", "tier")
        scores = read_rows(layout, "edit_pairs", path.stem).table.select(told).rename({"key": "pair_key"})
        rows = read_rows(layout, "dataset", path.stem).table.filter(pl.col("status").is_in(statuses))
        for row in rows.join(scores, on="pair_key").sort("edit_id").collect().iter_rows(named=True):
            pair = {
                "sample_key": row["sample_key"],
                "subtype": row["subtype"],
                "tier": row["tier"],
                "refused": json.loads(row["failed_checks"] or "[]"),
                "scores": json.loads(row["scores"]),
            }
            if row["status"] == "published":
                key = SampleKey.parse(row["sample_key"])
                yield pair, {role: layout.dataset / key.file(role) for role in ROLES}
                continue
            folder = layout.rejected(row["edit_id"])
            if folder.is_dir():
                yield pair, {role: folder / name for role, name in KEPT.items()}


def slots_asked(outputs: Path) -> int:
    """How many places the plan has, whatever became of them: a try is no place of its own."""
    layout = _layout(outputs)
    names = [path.stem for path in (outputs / "manifests/dataset").glob("*.parquet")]
    tables = [read_rows(layout, "dataset", name).table.select("slot") for name in names]
    slots = pl.concat(tables).collect()["slot"].to_list()
    return len({"/".join(slot.split("/")[:3]) for slot in slots})


def print_tally(target: Path, files: list[Path], limit: list[str] | None = None) -> None:
    """The table of each rater, their agreement, and what other limits of a threshold would do."""
    key = [json.loads(line) for line in (target / "key.jsonl").read_text("utf-8").splitlines()]
    slots, pairs = key[0]["slots"], {row["number"]: row for row in key[1:]}
    every = [_ratings(file, pairs) for file in files]
    published = {n for n, pair in pairs.items() if not pair["refused"]}
    print("| rater | rated | good | acceptable | wrong | wrong of published | usable of slots |")
    print("|---|---|---|---|---|---|---|")
    for file, ratings in zip(files, every, strict=True):
        counts = Counter(ratings[n] for n in published)
        figures = " | ".join(str(counts[name]) for name in RATINGS)
        wrong, used = _share(counts["wrong"], len(published)), _share(_usable(ratings, published), slots)
        print(f"| {file.stem} | {len(published)} | {figures} | {wrong} | {used} |")
    for ratings, file in zip(every, files, strict=True):
        wrongly = Counter(pairs[n]["subtype"] for n in published if ratings[n] == "wrong")
        print(f"\nwrong to {file.stem}: {dict(wrongly)}")
        if len(published) < len(pairs):
            lost = _usable(ratings, pairs.keys() - published)
            share, refused = _share(lost, max(1, _usable(ratings, pairs.keys()))), len(pairs) - len(published)
            print(f"usable to {file.stem} and refused: {lost} of {refused}; of all usable {share}")
    if len(every) > 1:
        print(f"\nagreement of the first two on wrong or not: kappa {kappa(*every[:2]):.2f}")
    if limit:
        _print_limits(pairs, dict(zip([file.stem for file in files], every, strict=True)), slots, *limit)


def _print_limits(
    pairs: dict[int, dict[str, Any]], ratings: dict[str, dict[int, str]], slots: int, name: str, *limits: str
) -> None:
    """What would be published, wrong, usable and refused wrongly, by the limits of one threshold."""
    print(
        f"\n| {name} | rater | published | wrong of published | usable of slots | usable that are refused |"
    )
    print("|---|---|---|---|---|---|")
    for limit in limits:
        thresholds = Thresholds.model_validate({name: float(limit)})
        passed = {n for n, pair in pairs.items() if not judge(pair["scores"], pair["tier"], thresholds)}
        for rater, said in ratings.items():
            usable, wrong = _usable(said, passed), sum(said[n] == "wrong" for n in passed)
            refused = _share(_usable(said, pairs.keys() - passed), max(1, _usable(said, pairs.keys())))
            shares = f"{_share(wrong, max(1, len(passed)))} | {_share(usable, slots)} | {refused}"
            print(f"| {limit} | {rater} | {len(passed)} | {shares} |")


def _usable(ratings: dict[int, str], numbers: Iterable[int]) -> int:
    return sum(ratings[n] != "wrong" for n in numbers)


def kappa(one: dict[int, str], other: dict[int, str]) -> float:
    """Cohen's kappa of two raters on wrong or not, over what both rated: 1 is always, 0 is by chance."""
    both = [(one[n] == "wrong", other[n] == "wrong") for n in one.keys() & other.keys()]
    agreed = sum(a == b for a, b in both) / len(both)
    shares = [sum(pair[side] for pair in both) / len(both) for side in (0, 1)]
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def interval(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, share = 1.96, count / total
    middle = share + z**2 / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    return (middle - reach) / (1 + z**2 / total), (middle + reach) / (1 + z**2 / total)


def _share(count: int, total: int) -> str:
    low, high = interval(count, total)
    return f"{count / total:.1%} ({low:.0%} to {high:.0%})"


def _ratings(file: Path, pairs: dict[int, Any]) -> dict[int, str]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row and row[0].strip().isdigit()]
    ratings = {int(row[0]): row[1].strip() for row in rows}
    strange = [f"{n}: {rating}" for n, rating in ratings.items() if rating not in RATINGS or n not in pairs]
    missing = sorted(pairs.keys() - ratings.keys())
    if strange or missing:
        raise SystemExit(f"{file}: not a rating: {strange or 'none'}; not rated: {missing or 'none'}")
    return ratings


def _strip(files: dict[str, Path], number: int) -> Image.Image:
    sides = {"source": SIDE, "result": SIDE, "mask": MASK_SIDE}
    pictures = [_thumbnail(files[role], side) for role, side in sides.items()]
    strip = Image.new("RGB", (2 * SIDE + MASK_SIDE + 20, HEAD + max(p.height for p in pictures) + 6), "white")
    ImageDraw.Draw(strip).text((4, 3), f"{number}   {_text(files['instruction_en'])}", fill="black")
    for picture, left in zip(pictures, (0, SIDE + 10, 2 * SIDE + 20), strict=True):
        strip.paste(picture, (left, HEAD))
    return strip


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip()


def _thumbnail(path: Path, side: int) -> Image.Image:
    if not path.is_file():
        return Image.new("RGB", (side, side), "grey")
    with Image.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        return small


def _layout(outputs: Path) -> Layout:
    return Layout(data=outputs, outputs=outputs, staging=outputs / "staging", logs=outputs)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets", help="write the pages")
    sheets.add_argument("outputs", type=Path)
    sheets.add_argument("target", type=Path)
    sheets.add_argument("--rejects", action="store_true", help="what the judge refused, too")
    tally = commands.add_parser("tally", help="count what was said")
    tally.add_argument("target", type=Path)
    tally.add_argument("ratings", type=Path, nargs="+")
    tally.add_argument("--limit", nargs="+", metavar=("THRESHOLD", "LIMIT"), help="the same at other limits")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Have people rate what was published, and count what they say.

    python -m benchmarks.rating sheets OUTPUTS TARGET     # pages to look at, in an order that tells nothing
    python -m benchmarks.rating tally TARGET RATINGS.csv [RATINGS.csv]

`sheets` writes `page_01.png` and so on into TARGET, five pairs a page: the source, the result and the mask,
with a number; `pairs.jsonl`, the numbers with both instructions, for the raters; and `key.jsonl`, what each
number is, not for the raters. A rating is a line `number,rating` with good, acceptable or wrong:

good: nothing to object to. acceptable: a small flaw, the instruction is still true, no part of the object
left behind or lost. wrong: a ghost, a cut or fused object, a false word, something floating, a visible
smear. In doubt, wrong.

`tally` prints, for each rater, how much of what was published is wrong, and how many of the slots asked for
have a usable pair (good or acceptable), with 95 % intervals (E. B. Wilson, JASA 1927); and, of two raters,
their agreement (J. Cohen's kappa, 1960).
"""

import argparse
import csv
import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image, ImageDraw

from iedf_assets.core.storage.manifests import read_rows
from iedf_assets.core.storage.naming import Layout, SampleKey

SIDE, MASK_SIDE, PER_PAGE, HEAD = 600, 240, 5, 18
RATINGS = ("good", "acceptable", "wrong")
SEED = 0


def main() -> None:
    """Write the pages, or print the table."""
    arguments = _arguments()
    if arguments.command == "sheets":
        write_sheets(arguments.outputs, arguments.target)
    else:
        print_tally(arguments.target, arguments.ratings)


def write_sheets(outputs: Path, target: Path) -> None:
    """The pages, the texts and the key of all samples of some outputs."""
    rows = [json.loads(line) for line in (outputs / "reports/index.jsonl").read_text("utf-8").splitlines()]
    random.Random(SEED).shuffle(rows)  # noqa: S311  # no secret
    target.mkdir(parents=True, exist_ok=True)
    names = ("instruction_en", "instruction_ch")
    told = [{"number": n, **{name: row[name] for name in names}} for n, row in enumerate(rows, 1)]
    key = [{"number": n, "sample_key": row["sample_key"]} for n, row in enumerate(rows, 1)]
    _write_lines(target / "pairs.jsonl", told)
    _write_lines(target / "key.jsonl", [{"slots": slots_asked(outputs)}, *key])
    for start in range(0, len(rows), PER_PAGE):
        strips = [_strip(outputs, row, start + n) for n, row in enumerate(rows[start : start + PER_PAGE], 1)]
        page = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), "white")
        top = 0
        for strip in strips:
            page.paste(strip, (0, top))
            top += strip.height
        page.save(target / f"page_{start // PER_PAGE + 1:02d}.png")
    print(
        f"{len(rows)} pairs of {slots_asked(outputs)} slots on {-(-len(rows) // PER_PAGE)} pages in {target}"
    )


def slots_asked(outputs: Path) -> int:
    """How many places the plan has, whatever became of them: a try is no place of its own."""
    layout = _layout(outputs)
    names = [path.stem for path in (outputs / "manifests/dataset").glob("*.parquet")]
    tables = [read_rows(layout, "dataset", name).table.select("slot") for name in names]
    slots = pl.concat(tables).collect()["slot"].to_list()
    return len({"/".join(slot.split("/")[:3]) for slot in slots})


def print_tally(target: Path, files: list[Path]) -> None:
    """The table of each rater, and their agreement."""
    key = [json.loads(line) for line in (target / "key.jsonl").read_text("utf-8").splitlines()]
    slots, samples = key[0]["slots"], {row["number"]: row["sample_key"] for row in key[1:]}
    every = [_ratings(file, samples) for file in files]
    print("| rater | rated | good | acceptable | wrong | wrong of published | usable of slots |")
    print("|---|---|---|---|---|---|---|")
    for file, ratings in zip(files, every, strict=True):
        counts = Counter(ratings.values())
        usable = counts["good"] + counts["acceptable"]
        figures = " | ".join(str(counts[name]) for name in RATINGS)
        wrong, used = _share(counts["wrong"], len(ratings)), _share(usable, slots)
        print(f"| {file.stem} | {len(ratings)} | {figures} | {wrong} | {used} |")
    for ratings, file in zip(every, files, strict=True):
        by_subtype = Counter(samples[n].split("/")[1] for n, rating in ratings.items() if rating == "wrong")
        print(f"\nwrong to {file.stem}: {dict(by_subtype)}")
    if len(every) > 1:
        print(f"\nagreement of the first two on wrong or not: kappa {kappa(*every[:2]):.2f}")


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


def _ratings(file: Path, samples: dict[int, str]) -> dict[int, str]:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row and row[0].strip().isdigit()]
    ratings = {int(row[0]): row[1].strip() for row in rows}
    strange = [f"{n}: {rating}" for n, rating in ratings.items() if rating not in RATINGS or n not in samples]
    missing = sorted(samples.keys() - ratings.keys())
    if strange or missing:
        raise SystemExit(f"{file}: not a rating: {strange or 'none'}; not rated: {missing or 'none'}")
    return ratings


def _strip(outputs: Path, row: dict[str, Any], number: int) -> Image.Image:
    dataset, key = _layout(outputs).dataset, SampleKey.parse(row["sample_key"])
    pictures = [
        _thumbnail(dataset / key.file(role), side)
        for role, side in (("source", SIDE), ("result", SIDE), ("mask", MASK_SIDE))
    ]
    strip = Image.new("RGB", (2 * SIDE + MASK_SIDE + 20, HEAD + max(p.height for p in pictures) + 6), "white")
    ImageDraw.Draw(strip).text((4, 3), f"{number}   {row['instruction_en']}", fill="black")
    for picture, left in zip(pictures, (0, SIDE + 10, 2 * SIDE + 20), strict=True):
        strip.paste(picture, (left, HEAD))
    return strip


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
    tally = commands.add_parser("tally", help="count what was said")
    tally.add_argument("target", type=Path)
    tally.add_argument("ratings", type=Path, nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    main()

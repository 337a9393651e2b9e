"""Files of facts, read: those of one photo, and tables; and what several say of one photo, put together.

What is wrong in a file is found fault with by line, and takes nothing else along.
"""

import csv
import json
import unicodedata
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from iedf_assets.core.sources.facts import KEYS, LANGUAGES, SPELT, Facts, Find, Finding, agreeing, understood

# Findings of one file that are kept.
MAX_FINDINGS = 100
COLUMNS = (
    "path", "object_en", "object_ch", "at_x", "at_y", "scene", "caption_en", "caption_ch", "licence",
    "author", "source",
)  # fmt: skip
# Columns whose cell is the fact of that name.
_PLAIN = frozenset({"path", "scene", "licence", "author", "source"})
# Keys that an object of JSON may have.
_MANY = 100


class Said(NamedTuple):
    """What one file or row says of a photo: facts that are sound by themselves, as JSON text."""

    file: str
    line: int
    text: str


Table = dict[str, list[Said]]
_Row = tuple[int, dict[str, Any]]


class _BadJsonError(ValueError):
    def __init__(self, problem: str, line: int = 1) -> None:
        super().__init__(problem)
        self.line = line


def read_one(file: str, content: bytes) -> tuple[list[Said], list[Finding]]:
    """What the file beside a photo says of it: at most one `Said`.

    Args:
        file: its name, for findings.
    """
    findings: list[Finding] = []
    try:
        text = content.decode("utf-8-sig")
        raw = _parsed(text)
    except UnicodeDecodeError as error:
        return [], [Finding(file, content.count(b"\n", 0, error.start) + 1, "it is not UTF-8")]
    except _BadJsonError as error:
        return [], [Finding(file, error.line, str(error))]

    if raw and not any(SPELT.get(key, key) in KEYS for key in raw):
        # Such as what galleries write beside each photo of theirs.
        return [], [Finding(file, 1, f"none of its keys is known: {', '.join(KEYS)} are")]

    def find(key: str, problem: str) -> None:
        place = text.find(json.dumps(key, ensure_ascii=False))
        findings.append(Finding(file, text.count("\n", 0, max(place, 0)) + 1, problem))

    facts = understood(raw, find)
    return ([Said(file, 1, _as_text(facts))] if facts else []), findings[:MAX_FINDINGS]


def read_table(file: str, lines: Iterable[bytes]) -> tuple[Table, list[Finding]]:
    """What the rows of a table say, by the photo's path as it is written there, in NFC.

    Args:
        file: its name; one that ends in `.csv` has a heading with some of `COLUMNS`, another one a JSON
            object with a `path` on each line.
    """
    findings: list[Finding] = []
    texts = _texts(file, lines, findings)
    table: Table = {}
    for line, row in (_csv_rows if file.endswith(".csv") else _json_rows)(file, texts, findings):
        path = row.pop("path", None)
        find = _noting(file, line, findings)
        if not isinstance(path, str) or not path.strip():
            find("path", "path is missing: it names the photo, from the category's folder on")
            continue
        facts = understood(row, find)
        # Also what says nothing that can be used is looked at: whether there is such a photo.
        name = unicodedata.normalize("NFC", path.strip().removeprefix("./"))
        table.setdefault(name, []).append(Said(file, line, _as_text(facts)))
    return table, findings[:MAX_FINDINGS]


def merged(said: list[Said]) -> tuple[str | None, list[Finding]]:
    """What several files and rows say of one photo, as JSON text; None for nothing.

    What two of them say differently is used of neither.
    """
    if len(said) == 1:
        return said[0].text if said[0].text != "{}" else None, []
    findings: list[Finding] = []
    facts: Facts = {}
    by: dict[str, Said] = {}
    disputed: set[str] = set()
    for one in said:
        for key, value in json.loads(one.text).items():
            if key == "objects":
                facts[key] = [*facts.get(key, []), *value]
            elif facts.setdefault(key, value) != value:
                disputed.add(key)
                other = f"{by[key].file}:{by[key].line}"
                problem = f"{key} is another one than in {other}, of the same photo: neither is used"
                findings.append(Finding(one.file, one.line, problem))
            by.setdefault(key, one)
    if "objects" in facts:
        last = said[-1]
        facts["objects"] = agreeing(facts["objects"], _noting(last.file, last.line, findings))
    kept = {key: value for key, value in facts.items() if value and key not in disputed}
    return (_as_text(kept) if kept else None), findings


def _noting(file: str, line: int, findings: list[Finding]) -> Find:
    return partial(_note, file, line, findings)


def _note(file: str, line: int, findings: list[Finding], _key: str, problem: str) -> None:
    findings.append(Finding(file, line, problem))


def _as_text(facts: Facts) -> str:
    return json.dumps(facts, ensure_ascii=False, sort_keys=True)


def _parsed(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise _BadJsonError(f"it is not JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise _BadJsonError(f"it cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise _BadJsonError("it is no JSON object, {...}")
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MANY:
        raise ValueError(f"an object has {len(pairs)} keys")
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the key {twice[0][:60]!r} stands twice")
    return dict(pairs)


def _texts(file: str, lines: Iterable[bytes], findings: list[Finding]) -> Iterator[str]:
    """The lines of a table; one that cannot be read is empty."""
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            findings.append(Finding(file, number, "it is not UTF-8"))
            yield "\n"


def _json_rows(file: str, lines: Iterator[str], findings: list[Finding]) -> Iterator[_Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, _parsed(line)
        except _BadJsonError as error:
            findings.append(Finding(file, number, str(error)))


def _csv_rows(file: str, lines: Iterator[str], findings: list[Finding]) -> Iterator[_Row]:
    reader = csv.reader(lines)
    try:
        heading = [SPELT.get(name.strip(), name.strip()) for name in next(reader, [])]
        for name in dict.fromkeys(heading):
            if name not in COLUMNS or heading.count(name) > 1:
                problem = f"column {name[:60]!r} is unknown or stands twice; known: {', '.join(COLUMNS)}"
                findings.append(Finding(file, 1, problem))
        for row in reader:
            if any(cell.strip() for cell in row):
                if len(row) > len(heading):
                    findings.append(Finding(file, reader.line_num, "the row has more cells than the heading"))
                yield reader.line_num, _nested(dict(zip(heading, row, strict=False)))
    except csv.Error as error:
        findings.append(Finding(file, reader.line_num, f"it cannot be read from here on: {error}"))


def _nested(row: dict[str, str]) -> dict[str, Any]:
    """A row of a csv as an object of the JSON form; columns that are not known are left out."""
    cells = {name: cell.strip() for name, cell in row.items() if cell.strip()}
    found: dict[str, Any] = {name: cell for name, cell in cells.items() if name in _PLAIN}
    one: dict[str, Any] = _by_language(cells, "object")
    if "at_x" in cells or "at_y" in cells:
        one["at"] = [_number(cells.get(name, "")) for name in ("at_x", "at_y")]
    caption = _by_language(cells, "caption")
    return {**found, **({"objects": [one]} if one else {}), **({"caption": caption} if caption else {})}


def _by_language(cells: dict[str, str], what: str) -> dict[str, str]:
    return {language: cells[f"{what}_{language}"] for language in LANGUAGES if f"{what}_{language}" in cells}


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell

"""Whose photos are, in the rows of exports and on their card."""

import csv
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from iedf_assets.core.exporting.card import texts
from iedf_assets.core.exporting.counts import Counts
from iedf_assets.core.profile.exports import Format
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.publishing.index import write_index
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.core.exporting.test_card import card_of, table
from iedf_assets_tests.helpers.exports import exported, indexed, planted
from iedf_assets_tests.helpers.pair_making import source_id_of

Rows = Iterator[dict[str, Any]]
FREE = {"licence": "CC0-1.0"}
TOLD = {"licence": "CC BY 4.0", "author": "Ann", "source": "https://example.org/7"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A factory all of whose photos have facts; not to be changed."""
    profile, plants = planted(tmp_path_factory.mktemp("told"))
    for plant in plants:
        plant.facts = dict.fromkeys(plant.photos, TOLD)
        plant.rights = {plant.photos[0]: {"author": "Zoë", "copyright": "(c) Zoë"}}
        plant.save()
    write_index(profile, Layout.of(profile))
    return profile


def parquet(folder: Path) -> Rows:
    for path in folder.glob("data/*.parquet"):
        yield from pq.read_table(
            path, columns=["sample_key", "photo_licence", "photo_author", "reference"]
        ).to_pylist()


def lines(pattern: str) -> Callable[[Path], Rows]:
    return lambda folder: (
        json.loads(line) for path in folder.glob(pattern) for line in path.read_text("utf-8").splitlines()
    )


def tars(folder: Path) -> Rows:
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as tar:
            members = (tar.extractfile(member) for member in tar if member.name.endswith(".json"))
            yield from (json.load(member) for member in members if member)


def diffsynth(folder: Path) -> Rows:
    yield from json.loads((folder / "metadata.json").read_text("utf-8"))


def original(folder: Path) -> Rows:
    with (folder / "reports/index.csv").open(encoding="utf-8", newline="") as file:
        yield from (json.loads(row["metadata"]) for row in csv.DictReader(file))


@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ("parquet", parquet),
        ("imagefolder", lines("*/metadata.jsonl")),
        ("diffsynth", diffsynth),
        ("musubi", lines("dataset.jsonl")),
        ("original", original),
    ],
)
def test_the_rows_of_every_table_tell_whose_the_photo_is(
    told: Profile, tmp_path: Path, form: Format, rows: Callable[[Path], Rows]
) -> None:
    exported(told, tmp_path / "out", form)
    found = {row["sample_key"]: (row["photo_licence"], row["photo_author"]) for row in rows(tmp_path / "out")}
    assert found == dict.fromkeys(indexed(told), ("CC-BY-4.0", "Ann"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A factory in which the model of one pair was shown an object of another photo; not to be changed."""
    profile, plants = planted(tmp_path_factory.mktemp("shown"))
    for plant in plants:
        plant.facts = dict.fromkeys(plant.photos, FREE)
    first, other = plants[0], plants[0].photos[1]
    first.facts[other] = {"licence": "CC BY 4.0", "author": "Ann"}
    first.edits[first.slots[0].edit_key]["reference"] = source_id_of(other)
    for plant in plants:
        plant.save()
    write_index(profile, Layout.of(profile))
    return profile


@pytest.mark.parametrize(
    ("form", "rows"),
    [("parquet", parquet), ("webdataset", tars), ("imagefolder", lines("*/metadata.jsonl")),
     ("diffsynth", diffsynth), ("musubi", lines("dataset.jsonl"))],
)  # fmt: skip
def test_the_rows_of_every_table_tell_whose_the_photo_is_that_the_model_was_shown(
    shown: Profile, tmp_path: Path, form: Format, rows: Callable[[Path], Rows]
) -> None:
    exported(shown, tmp_path / "out", form)
    told = {row["sample_key"]: row["reference"] for row in rows(tmp_path / "out")}
    known = {key: entry["metadata"]["reference"] for key, entry in indexed(shown).items()}
    assert {key: json.loads(text) if text else None for key, text in told.items()} == known
    (found,) = filter(None, known.values())
    assert (found["licence"], found["author"]) == ("CC-BY-4.0", "Ann")


def test_the_card_counts_both_licences_of_a_pair_with_two_photos(shown: Profile, tmp_path: Path) -> None:
    exported(shown, tmp_path / "out", "folders")
    head, body = card_of(tmp_path / "out")
    counted = table(body, texts()["en"]["licence"])
    assert counted.pop("CC0-1.0 + CC-BY-4.0") == "1"
    assert sum(map(int, counted.values())) == len(indexed(shown)) - 1
    assert head["license"] == "other"


def test_the_card_counts_licences_those_that_are_not_known_too(told: Profile, tmp_path: Path) -> None:
    heading = texts()["en"]["licence"]
    untold, _ = planted(tmp_path / "factory")
    for profile, licence, spelt in ((told, "CC-BY-4.0", "cc-by-4.0"), (untold, "unknown", "unknown")):
        exported(profile, tmp_path / spelt, "folders")
        head, body = card_of(tmp_path / spelt)
        assert head["license"] == spelt
        assert table(body, heading) == {licence: str(len(indexed(profile)))}


@pytest.mark.parametrize(
    ("licences", "spelt"),
    [
        ([], "unknown"),
        (["CC0-1.0"], "cc0-1.0"),
        (["CC-BY-NC-SA-4.0"], "cc-by-nc-sa-4.0"),
        (["CC-BY-3.0-DE"], "other"),
        (["CC0-1.0", "CC-BY-4.0"], "other"),
        (["CC0-1.0", "unknown"], "unknown"),
        (["house rules"], "unknown"),
        (["CC-BY-ND-4.0"], "unknown"),
    ],
)
def test_the_card_names_a_licence_that_the_hub_knows(licences: list[str], spelt: str) -> None:
    assert Counts(licences=Counter(licences)).licence == spelt

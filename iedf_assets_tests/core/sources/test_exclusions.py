import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

from iedf_assets.cli.main import cli
from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import ProfileError
from iedf_assets.core.parallel import silent
from iedf_assets.core.pictures.codecs import encode_jpeg, encode_png
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.sources.exclusions import Exclusions, hashed
from iedf_assets.core.sources.fingerprints import Candidate, look_of, perceptual_hash
from iedf_assets.core.sources.ingest import ingest
from iedf_assets.core.sources.scan import find_files
from iedf_assets.core.storage.journal import Journal
from iedf_assets.core.storage.keys import sources_settings
from iedf_assets.core.storage.manifests import Rows
from iedf_assets.core.storage.naming import Layout

CATEGORY = "物体一致性"


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A folder of pictures, one of them flat, and a text."""
    folder = tmp_path / "benchmark"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/coffee.png").write_bytes(encode_png(data.coffee()))
    (folder / "chelsea.jpg").write_bytes(encode_jpeg(data.chelsea(), 90))
    (folder / "flat.png").write_bytes(encode_png(np.full((64, 64, 3), 90, np.uint8)))
    (folder / "notes.txt").write_text("nothing to see")
    return folder


def excluding(profile: Profile, *paths: Path) -> Profile:
    return profile.model_copy(update={"sources": profile.sources.model_copy(update={"exclude": list(paths)})})


def found(exclusions: Exclusions, rgb: Pixels) -> str | None:
    return exclusions.found(Candidate("photo", "id", perceptual_hash(rgb), look_of(rgb)))


def test_a_photo_in_another_size_and_quality_is_found_and_another_is_not(
    profile: Profile, benchmark: Path
) -> None:
    exclusions = Exclusions.of(excluding(profile, benchmark))
    small = np.asarray(cv2.resize(data.coffee(), (300, 200), interpolation=cv2.INTER_AREA), np.uint8)
    assert found(exclusions, small) == "deep/coffee.png"
    assert found(exclusions, data.astronaut()) is None
    assert found(Exclusions(()), small) is None


def test_where_hashes_are_near_the_look_decides() -> None:
    rgb = data.coffee()
    other = Candidate("other", "", perceptual_hash(rgb), look_of(255 - rgb))
    assert found(Exclusions([other]), rgb) is None


def test_a_list_says_what_the_folder_says(profile: Profile, benchmark: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(cli, ["hashes", str(benchmark)])
    assert told.exit_code == 0
    assert "2 files are no pictures, or flat ones" in told.stderr
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["name"] for row in rows] == ["chelsea.jpg", "deep/coffee.png"]
    path = tmp_path / "held-out.jsonl"
    path.write_text(told.stdout, "utf-8")
    assert found(Exclusions.of(excluding(profile, path)), data.chelsea()) == "chelsea.jpg"
    assert [one.path for one in hashed(benchmark, profile) if not one.phash] == ["flat.png", "notes.txt"]


def test_a_relative_folder_is_read_from_where_the_command_is_called(
    benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(benchmark.parent)
    told = CliRunner().invoke(cli, ["hashes", benchmark.name])
    assert [json.loads(line)["name"] for line in told.stdout.splitlines()] == [
        "chelsea.jpg",
        "deep/coffee.png",
    ]


@pytest.mark.parametrize("text", ["nonsense", '{"name": "x", "phash": "zz", "look": ""}', None])
def test_a_list_that_cannot_be_read_is_named(profile: Profile, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "list.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ProfileError, match=r"list\.jsonl"):
        Exclusions.of(excluding(profile, path))


def test_photos_of_a_benchmark_are_filtered_with_a_reason(
    profile: Profile, layout: Layout, benchmark: Path
) -> None:
    folder = layout.data / CATEGORY
    folder.mkdir(parents=True)
    for name in ("coffee", "rocket"):
        (folder / f"{name}.jpg").write_bytes(encode_jpeg(getattr(data, name)(), 80))
    chosen = excluding(profile, benchmark)
    with Journal(layout.journal("source_images", CATEGORY)) as journal:
        files = find_files(layout, CATEGORY) or []
        rows = ingest(
            chosen, chosen.category(CATEGORY), files, Rows.of([], "source_images"), None, journal, silent
        )
    told = {row["path"]: (row["status"], row["reason"], row["detail"]) for row in rows.values()}
    status, reason, detail = told[f"{CATEGORY}/coffee.jpg"]
    assert (status, reason) == ("filtered", "benchmark_overlap")
    assert "deep/coffee.png" in detail
    assert told[f"{CATEGORY}/rocket.jpg"][0] == "accepted"


def test_sources_are_looked_at_again_when_what_is_held_out_changes_and_else_not(
    profile: Profile, benchmark: Path
) -> None:
    category = profile.category(CATEGORY)
    plain, chosen = sources_settings(profile, category), excluding(profile, benchmark)
    before = sources_settings(chosen, category)
    assert before not in {plain, sources_settings(excluding(profile, benchmark / "chelsea.jpg"), category)}
    assert sources_settings(chosen, category) == before
    (benchmark / "more.png").write_bytes(encode_png(data.rocket()))
    assert sources_settings(chosen, category) != before

"""Edits of whole pictures from photo to checked sample: no object, no mask files."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from iedf_assets.core.exporting.export import export
from iedf_assets.core.judging.dataset_check import check_dataset
from iedf_assets.core.judging.proving import prove
from iedf_assets.core.pictures.codecs import encode_jpeg
from iedf_assets.core.planning.accounts import accounts_of
from iedf_assets.core.planning.book import Book
from iedf_assets.core.profile.exports import Export
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.report.building import build_report
from iedf_assets.core.storage.naming import Layout
from iedf_assets_tests.helpers.runs import PHYSICAL, put, run, with_settings

STATED = (
    f"categories.{PHYSICAL}={{task: style_edit, subtypes: {{contrast: 1, brightness: 2, color_tone: 1}}}}"
)


def put_clouds(layout: Layout) -> None:
    """A photo in which nothing is an object."""
    noise = np.random.default_rng(3).uniform(0, 255, (12, 16, 3)).astype(np.float32)
    clouds = np.clip(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), 0, 255)
    (layout.data / PHYSICAL / "clouds.jpg").write_bytes(encode_jpeg(clouds.astype(np.uint8), 95))


@pytest.mark.slow
def test_every_sound_photo_is_edited_as_a_whole_and_checked_without_masks(
    profile: Profile, layout: Layout, tmp_path: Path
) -> None:
    stated = with_settings(profile, STATED)
    put(layout, PHYSICAL, "coffee")
    put_clouds(layout)
    outcome, made = run(stated)
    assert outcome.went_through, outcome.error
    assert outcome.counts["dataset"] == {"published": 8}
    assert "image_layers" not in made
    names = {path.name[5:] for path in layout.dataset.rglob("*.*")}
    assert names == {".jpg", "_result.jpg", "_CH.txt", "_EN.txt"}
    again, made = run(stated)
    assert (again.waves, made) == (0, {})

    entries = [json.loads(line) for line in layout.index.read_text("utf-8").splitlines()]
    for entry in entries:
        assert (entry["tier"], entry["mask_paths"], entry["edit_task"]) == ("stated", [], "style_edit")
        assert entry["metadata"]["allowed_region_mask_path"] is None
        assert json.loads(entry["metadata"]["recipe"])["phrasing"] in {"exact", "plain"}
    assert json.loads((layout.reports / "lint_issues.json").read_text("utf-8")) == []
    assert check_dataset(layout.dataset).clean
    # Without an index, a text tells what was done, exactly or about how much.
    layout.dataset.rename(tmp_path / "bare")
    assert check_dataset(tmp_path / "bare").clean
    (tmp_path / "bare").rename(layout.dataset)

    found = {
        detection.name: detection for detection in prove(layout.outputs, tmp_path / "proof", per_class=8)
    }
    assert all(detection.holds for detection in found.values())
    assert {"wrong_direction", "channel_left_out", "region_left_out", "wrong_file"} <= set(found)
    assert "mask_full" not in found

    # Trainers get a mask that is white all over; each export proves itself.
    for form in ("folders", "parquet", "original"):
        proven = export(stated, layout, Export(format=form, target=tmp_path / form, masks=True))
        assert proven.proof.faults == []

    page = build_report(stated, layout)
    assert len(list((page.parent / "thumbs").rglob("*.jpg"))) == 8


@pytest.mark.slow
def test_a_stated_result_that_was_touched_fails(profile: Profile, layout: Layout) -> None:
    stated = with_settings(profile, STATED)
    put(layout, PHYSICAL, "coffee")
    run(stated)
    result = next(iter(sorted(layout.dataset.rglob("*_result.jpg"))))
    pixels = cv2.imread(str(result))
    assert pixels is not None
    pixels[40:60, 40:60] = 255 - pixels[40:60, 40:60]
    result.write_bytes(encode_jpeg(np.asarray(pixels[..., ::-1], np.uint8).copy(), 95))
    pairs = check_dataset(layout.dataset).pairs
    failed = [pair.failed_checks for pair in pairs if pair.failed_checks]
    assert failed == [("stated",)]


@pytest.mark.slow
def test_a_photo_without_an_object_is_edited_as_a_whole_beside_edits_of_objects(
    profile: Profile, layout: Layout
) -> None:
    counts = "{move: 1, brightness: 1}"
    both = with_settings(profile, f"categories.{PHYSICAL}={{task: structural_edit, subtypes: {counts}}}")
    layout.data.joinpath(PHYSICAL).mkdir(parents=True, exist_ok=True)
    put_clouds(layout)
    outcome, _ = run(both)
    assert outcome.went_through, outcome.error
    rows = Book.open(both, layout, PHYSICAL).verdicts.values()
    found = {row["subtype"]: (row["status"], row["reason"]) for row in rows}
    assert found == {"move": ("rejected", "no_salient_object"), "brightness": ("published", None)}
    assert [account.outcome for account in accounts_of(Book.open(both, layout, PHYSICAL))] == ["published"]
    again, made = run(both)
    assert (again.waves, made) == (0, {})

"""Edits of one photo laid over each other: the turns of a chain, and several in one."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError
from iedf_assets.core.judging.pair_checks import judge
from iedf_assets.core.pairs.composing import ComposedRequest, compose
from iedf_assets.core.pairs.finishing import UNKNOWN_MAKING, PairRequest, finish
from iedf_assets.core.pairs.making import make
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_png
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.storage.files import content_hash

PHOTO = data.astronaut()
RECOLOR = {"task": "semantic_edit", "subtype": "recolor", "colour": "red"}
DARKER = {"task": "style_edit", "subtype": "brightness", "kind": "darker", "percent": 20}


def edit(folder: Path, at: tuple[int, int], subtype: str = "delete", **changes: Any) -> PairRequest:
    """An edit of a disc of the astronaut, and the request to finish it."""
    folder.mkdir()
    photo = encode_png(PHOTO)
    mask = np.zeros(PHOTO.shape[:2], np.uint8)
    cv2.circle(mask, at, 40, 255, -1)
    (folder / "photo.png").write_bytes(photo)
    (folder / "mask.png").write_bytes(encode_png(mask))
    (folder / "picture.png").write_bytes(encode_png(255 - PHOTO))
    request = PairRequest(
        key="k", edit_id="e", source_id=content_hash(photo), path=str(folder / "photo.png"),
        max_pixels=10**8, max_megapixels=16, subtype=subtype, recipe={}, edit_folder=str(folder), x=0, y=0,
        silhouette=str(folder / "mask.png"), quality=95, margin=0.015, feather=0.6, recomposition_error=None,
        made_with=None, judged=None, object={}, others=None, asks=False, instruction_ch="改",
        instruction_en="Change it", output=str(folder / "pair"), row={}, inputs={},
    )  # fmt: skip
    return replace(request, **changes)


@pytest.fixture
def two(tmp_path: Path) -> tuple[PairRequest, PairRequest]:
    return edit(tmp_path / "one", (120, 120)), edit(tmp_path / "other", (380, 360), "recolor", recipe=RECOLOR)


def finished(request: PairRequest, folder: Path) -> tuple[dict[str, Any], Path]:
    folder.mkdir()
    return finish(request, folder), folder


def pixels(folder: Path, name: str) -> Pixels:
    path = folder / name
    return decode_jpeg(path.read_bytes()) if path.suffix == ".jpg" else decode(path)


def after(first: PairRequest, second: PairRequest, folder: Path) -> PairRequest:
    """The second edit as the turn after the first, whose pair lies in a folder."""
    checksum = content_hash((folder / "result.jpg").read_bytes())
    return replace(second, below=[asdict(first)], source_checksum=checksum)


def test_a_turn_begins_with_the_result_before_it_byte_by_byte(
    two: tuple[PairRequest, PairRequest], tmp_path: Path
) -> None:
    _, one = finished(two[0], tmp_path / "a")
    row, turn = finished(after(*two, one), tmp_path / "b")
    assert (turn / "source.jpg").read_bytes() == (one / "result.jpg").read_bytes()
    assert row["scores"]["max_difference_outside"] == 0
    assert row["scores"]["mask_share"] == pytest.approx(np.pi * 40**2 / PHOTO[..., 0].size, rel=0.02)
    # What the second edit made is what it makes of the photo alone.
    _, alone = finished(two[1], tmp_path / "c")
    there = pixels(alone, "allowed.png") > 0
    assert np.array_equal(pixels(turn, "result.jpg")[there], pixels(alone, "result.jpg")[there])


def test_a_whole_picture_is_edited_as_a_turn_and_after_one(
    two: tuple[PairRequest, PairRequest], tmp_path: Path
) -> None:
    _, one = finished(two[0], tmp_path / "a")
    tone = replace(two[0], subtype="brightness", recipe=DARKER, silhouette=None)
    second = after(two[0], tone, one)
    row, turn = finished(second, tmp_path / "b")
    assert (turn / "source.jpg").read_bytes() == (one / "result.jpg").read_bytes()
    assert (row["tier"], row["scores"]["stated_error"]) == ("stated", 0)
    third = replace(tone, recipe=DARKER | {"percent": 30}, below=[asdict(two[0]), asdict(tone)])
    row, last = finished(third, tmp_path / "c")
    assert (last / "source.jpg").read_bytes() == (turn / "result.jpg").read_bytes()
    assert row["scores"]["stated_error"] == 0


def test_a_turn_is_what_was_rendered_of_the_published_result_laid_over_that(
    two: tuple[PairRequest, PairRequest], tmp_path: Path
) -> None:
    _, one = finished(two[0], tmp_path / "a")
    published = pixels(one, "result.jpg")
    # Rendered where the first edit shows too, as nobody can do from the photo.
    there = edit(tmp_path / "there", (150, 150), "recolor", recipe=RECOLOR)
    (Path(there.edit_folder) / "picture.png").write_bytes(encode_png(255 - published))
    second = after(two[0], there, one)
    row, turn = finished(second, tmp_path / "b")
    assert (turn / "source.jpg").read_bytes() == (one / "result.jpg").read_bytes()
    assert row["scores"]["max_difference_outside"] == 0
    inside = cv2.erode(pixels(turn, "mask.png"), np.ones((17, 17), np.uint8)) > 0
    difference = np.abs(pixels(turn, "result.jpg").astype(int) - (255 - published))[inside]
    assert difference.mean() < 4
    third = replace(two[1], below=[asdict(two[0]), asdict(there)], source_checksum=None)
    _, last = finished(third, tmp_path / "c")
    assert (last / "source.jpg").read_bytes() == (turn / "result.jpg").read_bytes()


def test_a_turn_is_not_made_of_another_result_than_was_published(
    two: tuple[PairRequest, PairRequest], tmp_path: Path
) -> None:
    _, one = finished(two[0], tmp_path / "a")
    turn = after(*two, one)
    (Path(two[0].edit_folder) / "picture.png").write_bytes(encode_png(PHOTO))
    with pytest.raises(SourceError, match="not made any more"):
        finished(turn, tmp_path / "b")


def test_several_edits_in_one_are_each_what_it_is_alone_and_nothing_else(
    two: tuple[PairRequest, PairRequest], tmp_path: Path
) -> None:
    alone = [finished(request, tmp_path / name)[1] for request, name in zip(two, "ab", strict=True)]
    checksum = content_hash((alone[0] / "source.jpg").read_bytes())
    request = ComposedRequest(
        key="k", steps=[asdict(step) for step in two], recipe={"edits": [{}, RECOLOR]}, instruction_ch="改",
        instruction_en="Change both", source_checksum=checksum, output="", row={}, inputs={},
    )  # fmt: skip
    folder = tmp_path / "both"
    folder.mkdir()
    row = make(request, folder)
    assert row["scores"]["max_difference_outside"] == 0
    assert row["scores"]["object_parts"] == 2
    assert row["scores"]["mask_largest_share"] == 1
    for name in ("mask.png", "allowed.png"):
        assert np.array_equal(pixels(folder, name), np.bitwise_or(*(pixels(one, name) for one in alone)))
    # What was removed ends up nowhere.
    assert np.array_equal(pixels(folder, "result_mask.png"), pixels(alone[1], "mask.png"))
    for one in alone:
        there = pixels(one, "allowed.png") > 0
        assert np.array_equal(pixels(folder, "result.jpg")[there], pixels(one, "result.jpg")[there])
    (folder / "again").mkdir()
    with pytest.raises(SourceError, match="not made any more"):
        compose(replace(request, source_checksum="0" * 32), folder / "again")


def test_a_background_is_composed_around_objects_of_which_one_is_left_alone(tmp_path: Path) -> None:
    first, left = (120, 120), (380, 360)
    recolor = edit(tmp_path / "one", first, "recolor", recipe=RECOLOR, object={"number": 1, "parts": None})
    tone = {"task": "consistency_edit", "subtype": "background", "kind": "darken", "strength": 0.8}
    around = edit(tmp_path / "all", first, "background", recipe=tone, object={"number": 3, "parts": [1, 2]})
    both = decode(Path(around.edit_folder) / "mask.png").copy()
    cv2.circle(both, left, 40, 255, -1)
    (Path(around.edit_folder) / "mask.png").write_bytes(encode_png(both))
    request = ComposedRequest(
        key="k", steps=[asdict(recolor), asdict(around)], recipe={"edits": [RECOLOR, tone]},
        instruction_ch="改", instruction_en="Change both", row={}, inputs={}, output="",
        source_checksum=content_hash((finished(recolor, tmp_path / "a")[1] / "source.jpg").read_bytes()),
    )  # fmt: skip
    folder = tmp_path / "both"
    folder.mkdir()
    scores = compose(request, folder)["scores"]
    assert scores["max_difference_outside"] == 0
    # What is judged is the one thing that it leaves alone.
    assert scores["object_share"] == pytest.approx(np.pi * 40**2 / PHOTO[..., 0].size, rel=0.02)
    assert (scores["mask_largest_share"], scores["mask_hole_share"]) == (1, 0)
    assert scores["mask_share"] == pytest.approx(1 - scores["object_share"])
    assert judge(UNKNOWN_MAKING | scores, "composited", Thresholds()) == []
    assert np.array_equal(pixels(folder, "result_mask.png"), pixels(tmp_path / "a", "mask.png"))

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import SourceError, StorageError, WorkerError
from iedf_assets.core.judging.pair_checks import OUTSIDE_BOUNDS, judge
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pairs.finishing import OUTLINE, PairRequest, finish, outline_share
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg, encode_png
from iedf_assets.core.pictures.masks import allowed_region, edit_masks, region_alpha
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.profile.thresholds import Thresholds
from iedf_assets.core.scoring.masks.mask_scores import Company
from iedf_assets.core.scoring.scores import measure
from iedf_assets.core.storage.files import content_hash

RECIPES: dict[str, dict[str, Any]] = {
    "move": {"dx": 90, "dy": -31},
    "scale": {"factor": 1.3, "anchor_x": 200.0, "anchor_y": 260.0},
    "delete": {},
    "recolor": {},
    "identity": {},
    "background": {},
    "replace": {},
}
PHOTOS = {
    "astronaut": data.astronaut(),
    "coffee": data.coffee(),
    "chelsea": data.chelsea(),
    "rocket": data.rocket(),
}


def silhouette_of(shape: tuple[int, ...]) -> Pixels:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.ellipse(mask, (shape[1] * 2 // 5, shape[0] // 2), (shape[1] // 7, shape[0] // 5), 30, 0, 360, 255, -1)
    return mask


def edited(source: Pixels) -> Pixels:
    """A stand-in for what a model returns: other pixels everywhere."""
    return np.asarray(cv2.GaussianBlur(255 - source, (0, 0), 2), np.uint8)


def staged(folder: Path, source: Pixels, subtype: str, **changes: Any) -> PairRequest:
    """A photo, its mask and a whole edited picture on disk, and the request to finish them."""
    folder.mkdir(exist_ok=True)
    photo = encode_png(source)
    (folder / "photo.png").write_bytes(photo)
    (folder / "mask.png").write_bytes(encode_png(silhouette_of(source.shape)))
    (folder / "picture.png").write_bytes(encode_png(edited(source)))
    request = PairRequest(
        key="k", edit_id="e", source_id=content_hash(photo), path=str(folder / "photo.png"),
        max_pixels=10**8, max_megapixels=16, subtype=subtype, recipe=RECIPES[subtype],
        edit_folder=str(folder), x=0, y=0, silhouette=str(folder / "mask.png"),
        quality=95, margin=0.015, feather=0.6, recomposition_error=0.25,
        made_with=None, judged=None, object={}, others=None, asks=False,
        instruction_ch="改", instruction_en="Change it", output=str(folder / "pair"), row={},
        inputs={},
    )  # fmt: skip
    return replace(request, **changes)


def finished(request: PairRequest) -> tuple[dict[str, Any], Path]:
    folder = Path(request.output)
    folder.mkdir()
    return finish(request, folder), folder


@pytest.mark.parametrize(
    "photo", [name if name == "coffee" else pytest.param(name, marks=pytest.mark.slow) for name in PHOTOS]
)
@pytest.mark.parametrize("subtype", RECIPES)
def test_a_pair_decodes_identically_outside_its_allowed_region(
    tmp_path: Path, photo: str, subtype: str
) -> None:
    row, folder = finished(staged(tmp_path, PHOTOS[photo], subtype))
    source, result = (
        np.asarray(Image.open(folder / name)).astype(int) for name in ("source.jpg", "result.jpg")
    )
    outside = decode(folder / "allowed.png") == 0
    assert outside.any()
    assert np.array_equal(source[outside], result[outside])
    assert row["scores"]["max_difference_outside"] == 0
    assert row["scores"]["ssim_outside_region"] == 1
    assert (row["height"], row["width"], 3) == PHOTOS[photo].shape
    assert not {bound.check for bound in OUTSIDE_BOUNDS} & set(
        judge(row["scores"], row["tier"], Thresholds())
    )


@given(
    size=st.tuples(st.integers(9, 90), st.integers(9, 90)),
    corner=st.tuples(st.integers(0, 200), st.integers(0, 200)),
    photo=st.sampled_from(sorted(PHOTOS)),
    subtype=st.sampled_from(sorted(RECIPES)),
    quality=st.integers(75, 100),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=150)
def test_files_of_any_size_and_quality_differ_in_the_blocks_of_the_alpha_alone(
    size: tuple[int, int], corner: tuple[int, int], photo: str, subtype: str, quality: int, seed: int
) -> None:
    source = PHOTOS[photo][corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    silhouette = silhouette_of(source.shape)
    _, result_mask = edit_masks(SUBTYPES[subtype], silhouette, RECIPES[subtype])
    alpha = region_alpha(SUBTYPES[subtype], silhouette, result_mask, 4, 0.6)
    noise = np.random.default_rng(seed).integers(0, 256, source.shape, dtype=np.uint8)
    result = composite(source, noise, alpha, 0, 0)
    outside = allowed_region(alpha) == 0
    a, b = decode_jpeg(encode_jpeg(source, quality)), decode_jpeg(encode_jpeg(result, quality))
    assert np.array_equal(a[outside], b[outside])


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
    density=st.floats(0, 1),
)
@settings(deadline=None)
def test_a_composite_is_the_rounded_mixture_and_exact_at_both_ends(
    size: tuple[int, int], seed: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    source, patch = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    alpha = rng.integers(0, 256, size, dtype=np.uint8)
    alpha[rng.random(size) < density / 2] = 0
    alpha[rng.random(size) < density / 2] = 255
    result = composite(source, patch, alpha, 0, 0)
    weight = alpha[..., None].astype(int)
    # No tie can occur: 255 is odd.
    assert np.array_equal(result, np.rint((source * (255 - weight) + patch * weight) / 255))
    assert np.array_equal(result[alpha == 0], source[alpha == 0])
    assert np.array_equal(result[alpha == 255], patch[alpha == 255])


def test_a_cropped_patch_gives_the_same_composite_as_a_whole_one() -> None:
    source = PHOTOS["coffee"]
    patch = edited(source)
    alpha = region_alpha(SUBTYPES["delete"], silhouette_of(source.shape), None, 9, 0.6)
    whole = composite(source, patch, alpha, 0, 0)
    left, top, width, height = cv2.boundingRect(alpha)
    crop = patch[top : top + height, left : left + width]
    assert np.array_equal(composite(source, crop, alpha, left, top), whole)
    with pytest.raises(
        WorkerError, match=r"cover rows \d+ to \d+ and columns \d+ to \d+, but the edit shows in"
    ):
        composite(source, crop[:-1], alpha, left, top)
    for x, y in ((left + 1, top), (left - 1, top), (left, top + 1), (left, top - 1)):
        with pytest.raises(WorkerError):
            composite(source, crop, alpha, x, y)


def test_an_alpha_of_nothing_gives_the_source() -> None:
    source = PHOTOS["chelsea"]
    nothing = np.zeros(source.shape[:2], np.uint8)
    assert np.array_equal(composite(source, edited(source)[:3], nothing, 5, 5), source)


def test_a_patch_that_is_not_rgb_is_refused() -> None:
    source = PHOTOS["chelsea"]
    alpha = np.full(source.shape[:2], 255, np.uint8)
    with pytest.raises(WorkerError, match="no RGB"):
        composite(source, alpha, alpha, 0, 0)


def test_the_source_file_is_the_photo_encoded_once(tmp_path: Path) -> None:
    _, folder = finished(staged(tmp_path, PHOTOS["rocket"], "delete", quality=88))
    assert (folder / "source.jpg").read_bytes() == encode_jpeg(PHOTOS["rocket"], 88)
    with Image.open(folder / "source.jpg") as source, Image.open(folder / "result.jpg") as result:
        assert source.size == result.size
        assert source.quantization == result.quantization  # type: ignore[attr-defined]
        assert [component[1:3] for component in source.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_the_subject_of_a_background_edit_is_the_sources_before_encoding() -> None:
    source = PHOTOS["astronaut"]
    silhouette = silhouette_of(source.shape)
    alpha = region_alpha(SUBTYPES["background"], silhouette, None, 8, 0.6)
    result = composite(source, edited(source), alpha, 0, 0)
    assert np.array_equal(result[silhouette > 0], source[silhouette > 0])


@pytest.mark.parametrize("found", [{"confidence": 0.99}, {}])
def test_a_background_reaches_into_the_soft_rim_of_a_networks_object_alone(
    tmp_path: Path, found: dict[str, Any]
) -> None:
    request = staged(tmp_path, PHOTOS["astronaut"], "background", object=found)
    row, folder = finished(request)
    source, result = (decode(folder / name).astype(int) for name in ("source.jpg", "result.jpg"))
    silhouette = silhouette_of(PHOTOS["astronaut"].shape)
    changed = (np.abs(source - result).max(axis=2) > 8) & (silhouette > 0)
    deepest = cv2.distanceTransform(silhouette, cv2.DIST_L2, 5)[changed].max(initial=0)
    assert deepest <= 6 + 8 * 2**0.5 if found else not (changed & (decode(folder / "allowed.png") == 0)).any()
    assert bool(changed.sum() > 2000) == bool(found)
    assert row["scores"]["max_difference_outside"] == 0


@pytest.mark.parametrize("subtype", RECIPES)
def test_the_masks_on_disk_are_those_of_the_table(tmp_path: Path, subtype: str) -> None:
    _, folder = finished(staged(tmp_path, PHOTOS["coffee"], subtype))
    silhouette = silhouette_of(PHOTOS["coffee"].shape)
    mask = decode(folder / "mask.png")
    assert np.array_equal(mask, 255 - silhouette if subtype == "background" else silhouette)
    assert np.array_equal(decode(folder / "mask-1.png"), 255 - mask)
    names = {file.name for file in folder.iterdir()}
    expected = {"source.jpg", "result.jpg", "mask.png", "mask-1.png", "allowed.png"}
    assert names == (expected | {"result_mask.png"} if SUBTYPES[subtype].relocates else expected)
    assert not np.any((mask > 0) & (decode(folder / "allowed.png") == 0))


def test_scores_are_of_the_files_on_disk(tmp_path: Path) -> None:
    row, folder = finished(staged(tmp_path, PHOTOS["chelsea"], "move"))
    mask, allowed, there = (decode(folder / f"{name}.png") for name in ("mask", "allowed", "result_mask"))
    source, result = (np.asarray(Image.open(folder / f"{name}.jpg")) for name in ("source", "result"))
    recipe = {**RECIPES["move"], "subtype": "move"}
    measured = measure(source, result, mask, allowed, there, recipe, Company())
    thin = 0.25 * min(1.0, OUTLINE / outline_share(mask))
    assert row["scores"] == measured | {
        "instruction_faults": None, "recomposition_error": 0.25, "recomposition_thin": thin,
        **dict.fromkeys(["upscaling", "raw_shift", "raw_zoom", "judge_instruction", "judge_preservation"]),
    }  # fmt: skip


def test_finishing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    request = staged(tmp_path, PHOTOS["rocket"], "scale")
    row, first = finished(request)
    again, second = finished(replace(request, output=str(tmp_path / "again")))
    assert row == again
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_a_photo_larger_than_the_working_size_is_finished_at_working_size(tmp_path: Path) -> None:
    source = PHOTOS["astronaut"]
    request = staged(tmp_path, source, "delete", max_megapixels=source.shape[0] * source.shape[1] / 4e6)
    half = (256, 256)
    (tmp_path / "mask.png").write_bytes(encode_png(silhouette_of(half)))
    (tmp_path / "picture.png").write_bytes(encode_png(edited(source[::2, ::2])))
    row, folder = finished(request)
    assert (row["width"], row["height"]) == half
    assert decode(folder / "result.jpg").shape == (*half, 3)


def test_another_photo_in_its_place_is_refused(tmp_path: Path) -> None:
    request = staged(tmp_path, PHOTOS["rocket"], "delete")
    Path(request.path).write_bytes(encode_png(PHOTOS["coffee"]))
    with pytest.raises(SourceError):
        finished(request)


def test_a_mask_of_another_size_or_none_is_refused(tmp_path: Path) -> None:
    request = staged(tmp_path, PHOTOS["rocket"], "delete")
    (tmp_path / "mask.png").write_bytes(encode_png(np.zeros((10, 10), np.uint8)))
    with pytest.raises(StorageError, match=r"\(10, 10\)"):
        finished(request)
    (tmp_path / "mask.png").unlink()
    with pytest.raises(StorageError, match=r"mask\.png"):
        finish(request, Path(request.output))


def test_a_patch_too_small_for_its_edit_names_both_places(tmp_path: Path) -> None:
    request = staged(tmp_path, PHOTOS["rocket"], "delete")
    (tmp_path / "picture.png").write_bytes(encode_png(edited(PHOTOS["rocket"])[:40, :60]))
    with pytest.raises(WorkerError, match="cover rows 0 to 40 and columns 0 to 60"):
        finished(request)


@pytest.mark.parametrize("name", ["coffee", "astronaut"])
def test_a_models_picture_is_moved_back_before_it_is_composited(tmp_path: Path, name: str) -> None:
    source = getattr(data, name)()
    height, width = source.shape[:2]
    request = staged(tmp_path / "folder", source, "replace", made_with={"upscaling": 1.0})
    centre = (width - 1) / 2, (height - 1) / 2
    motion = np.array([[1.01, 0, -0.01 * centre[0] + 3], [0, 1.01, -0.01 * centre[1]]])
    raw = edited(source).copy()
    mask = silhouette_of(source.shape)
    raw[mask == 0] = source[mask == 0]
    moved = cv2.warpAffine(raw, motion, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    (tmp_path / "folder" / "picture.png").write_bytes(encode_png(np.asarray(moved, np.uint8)))
    row, folder = finished(request)
    scores = row["scores"]
    assert scores["raw_shift"] * np.hypot(width, height) == pytest.approx(3, abs=0.1)
    assert scores["raw_zoom"] == pytest.approx(0.01, abs=0.0005)
    assert scores["max_difference_outside"] == 0
    result = decode_jpeg((folder / "result.jpg").read_bytes())
    inside = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    assert np.abs(result[inside].astype(int) - raw[inside]).mean() < 4


@pytest.mark.parametrize("subtype", ["move", "scale"])
def test_what_a_model_draws_elsewhere_shows_further_around_both_places_and_nowhere_else(
    tmp_path: Path, subtype: str
) -> None:
    source, regions = PHOTOS["coffee"], []
    for by in ("layers", "model"):
        made_with = {"upscaling": 1.0} if by == "model" else None
        recipe = RECIPES[subtype] | {"by": by}
        request = staged(tmp_path / by, source, subtype, made_with=made_with, recipe=recipe)
        row, folder = finished(request)
        assert row["tier"] == "composited"
        assert row["scores"]["max_difference_outside"] == 0
        regions.append(decode(folder / "allowed.png") > 0)
        masks = decode(folder / "mask.png") | decode(folder / "result_mask.png")
        assert regions[-1][masks > 0].all()
    narrow, wide = regions
    assert wide[narrow].all()
    assert np.count_nonzero(wide) > 1.1 * np.count_nonzero(narrow)

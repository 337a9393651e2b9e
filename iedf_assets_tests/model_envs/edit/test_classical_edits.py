from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.contract import EditRequest, ModelSettings
from iedf_assets.core.edits import recipes
from iedf_assets.core.errors import SourceError, WorkerError
from iedf_assets.core.pairs.blending import composite
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.codecs import decode, encode_png
from iedf_assets.core.pictures.masks import edit_masks, region_alpha
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes
from iedf_assets.core.storage.files import content_hash
from model_envs.edit.classical import Backend
from model_envs.edit.toning import contrasted, defocused, graded, recoloured, relit, toned

MARGIN = 4
RED = (200, 30, 40)
PHOTO = np.asarray(cv2.resize(data.coffee(), (300, 200), interpolation=cv2.INTER_AREA), np.uint8)
# Box of the subject: x, y, width, height. One in the open, one cut by the lower border.
OPEN, CUT = (110, 60, 80, 70), (100, 100, 80, 100)
EVERY_EDIT = [
    (subtype, kind)
    for subtype, kinds in (
        ("move", [None]), ("scale", [None]), ("delete", [None]), ("recolor", [None]),
        ("identity", recipes.IDENTITY_KINDS), ("background", recipes.BACKGROUND_KINDS),
    )
    for kind in kinds
]  # fmt: skip


class Stage:
    """A photo with an elliptic subject, decomposed as the layered stage leaves it."""

    def __init__(self, folder: Path, box: tuple[int, int, int, int], rgb: Pixels) -> None:
        x, y, width, height = box
        self.folder, self.rgb, self.size = folder, rgb, (rgb.shape[1], rgb.shape[0])
        whole = np.zeros(rgb.shape[:2], np.uint8)
        center, axes = (x + width // 2, y + height // 2), (width // 2 - 4, height // 2 - 4)
        cv2.ellipse(whole, center, axes, 0, 0, 360, 255, -1)
        self.alpha = np.asarray(cv2.GaussianBlur(whole, (0, 0), 1.5), np.uint8)
        self.silhouette = np.where(self.alpha >= 128, 255, 0).astype(np.uint8)
        left, top, w, h = cv2.boundingRect(self.alpha)
        crop = np.s_[top : top + h, left : left + w]
        self.path = folder / "photo.png"
        Image.fromarray(rgb).save(self.path)
        grey = np.full((h, w, 3), 128, np.uint8)
        (folder / "object_1.png").write_bytes(encode_png(np.dstack([rgb[crop], self.alpha[crop]])))
        (folder / "background.png").write_bytes(encode_png(grey))
        layer = {"x": left, "y": top, "width": w, "height": h}
        mean = [round(value) for value in cv2.mean(rgb, self.silhouette)[:3]]
        self.subject = {**layer, "area_share": float((self.silhouette > 0).mean()), "colour": mean}
        self.box, self.object = (
            layer,
            {
                "number": 1,
                **self.subject,
                "mask": "mask.png",
                "alpha": None,
                "layer": {"file": "object_1.png", **layer},
                "background": {"file": "background.png", **layer},
            },
        )

    def recipe(self, subtype: str, kind: str | None = None, seed: int = 3) -> recipes.Recipe:
        limits = getattr(Recipes(), subtype)
        recipe = recipes.draw(subtype, seed, self.subject, *self.size, limits)
        if isinstance(recipe, recipes.Unplannable):
            # Coffee could be skin; a renderer paints what it is told.
            assert recipe.reason == "no_body_colour"
            return {"task": "semantic_edit", **GOLDEN_RECIPES["recolor"]}
        return recipe if kind is None else {**recipe, "kind": kind}

    def edit(self, recipe: recipes.Recipe, source_id: str | None = None) -> tuple[Pixels, int, int]:
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        request = EditRequest(
            key="k", edit_id="e", source_id=source_id or content_hash(self.path.read_bytes()),
            path=str(self.path), max_megapixels=16.0, max_pixels=10**8, recipe=recipe, object=self.object,
            instruction="Edit it", local=True,
            layers_folder=str(self.folder), margin_px=MARGIN, seed=1, output=str(output),
        )  # fmt: skip
        row = Backend(ModelSettings()).run(request, output)
        assert row["status"] == "done"
        self.row = row
        return decode(output / "picture.png"), row["x"], row["y"]

    def finished(self, recipe: recipes.Recipe) -> tuple[Pixels, Pixels, Pixels | None]:
        """The composited result, the mask and the result mask."""
        subtype = SUBTYPES[recipe["subtype"]]
        mask, result_mask = edit_masks(subtype, self.silhouette, recipe)
        alpha = region_alpha(subtype, self.silhouette, result_mask, MARGIN, 0.6)
        patch, x, y = self.edit(recipe)
        return composite(self.rgb, patch, alpha, x, y), mask, result_mask


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, OPEN, PHOTO)


@pytest.mark.parametrize("box", [OPEN, CUT])
@pytest.mark.parametrize(("subtype", "kind"), EVERY_EDIT)
def test_every_edit_covers_its_region_and_shows(
    tmp_path: Path, box: tuple[int, int, int, int], subtype: str, kind: str | None
) -> None:
    stage = Stage(tmp_path, box, PHOTO)
    result, mask, _ = stage.finished(stage.recipe(subtype, kind))
    changed = np.abs(result.astype(int) - stage.rgb).max(axis=2)[mask > 0] > 8
    assert changed.mean() >= 0.05


@pytest.mark.parametrize(("subtype", "kind"), EVERY_EDIT)
def test_an_edit_gives_the_same_bytes_again(stage: Stage, subtype: str, kind: str | None) -> None:
    recipe = stage.recipe(subtype, kind)
    first, again = stage.edit(recipe), stage.edit(recipe)
    assert first[1:] == again[1:]
    assert np.array_equal(first[0], again[0])


@pytest.mark.parametrize("kind", recipes.BACKGROUND_KINDS)
def test_a_background_edit_leaves_the_subject_exactly_as_it_is(stage: Stage, kind: str) -> None:
    patch, x, y = stage.edit(stage.recipe("background", kind))
    assert (x, y) == (0, 0)
    inside = stage.alpha == 255
    assert np.array_equal(patch[inside], stage.rgb[inside])


@pytest.mark.parametrize("subtype", ["recolor", "identity"])
def test_a_subject_edit_leaves_the_background_exactly_as_it_is(stage: Stage, subtype: str) -> None:
    patch, x, y = stage.edit(stage.recipe(subtype))
    place = np.s_[y : y + patch.shape[0], x : x + patch.shape[1]]
    outside = stage.alpha[place] == 0
    assert outside.any()
    assert np.array_equal(patch[outside], stage.rgb[place][outside])


def test_a_moved_object_is_the_same_pixels_elsewhere_and_leaves_the_completed_background(
    stage: Stage,
) -> None:
    recipe = stage.recipe("move")
    result, mask, result_mask = stage.finished(recipe)
    assert result_mask is not None
    opaque = np.argwhere(stage.alpha == 255)
    new = opaque + np.array([recipe["dy"], recipe["dx"]])
    assert np.array_equal(result[tuple(new.T)], stage.rgb[tuple(opaque.T)])
    left_behind = cv2.erode(mask, np.ones((5, 5), np.uint8)) > cv2.dilate(
        result_mask, np.ones((9, 9), np.uint8)
    )
    assert left_behind.any()
    assert (result[left_behind] == 128).all()


def test_a_removed_object_shows_the_completed_background(stage: Stage) -> None:
    result, mask, _ = stage.finished(stage.recipe("delete"))
    assert (result[mask > 0] == 128).all()


@pytest.mark.parametrize("factor", [0.55, 0.8, 1.2, 1.5])
def test_a_scaled_object_fills_its_result_mask_in_register(tmp_path: Path, factor: float) -> None:
    # A subject of one colour on grey: it shows where the result mask is, and nowhere else.
    stage = Stage(tmp_path, (80, 60, 120, 120), np.full((200, 300, 3), 128, np.uint8))
    layer = decode(tmp_path / "object_1.png").copy()
    layer[..., :3] = RED
    (tmp_path / "object_1.png").write_bytes(encode_png(layer))
    recipe = stage.recipe("scale") | {"factor": factor}
    result, _, result_mask = stage.finished(recipe)
    assert result_mask is not None
    inside = cv2.erode(result_mask, np.ones((15, 15), np.uint8)) > 0
    assert np.abs(result[inside].astype(int) - RED).max() <= 1
    shows = np.where(np.abs(result.astype(int) - 128).max(axis=2) > 36, 255, 0).astype(np.uint8)
    both = ((shows > 0) & (result_mask > 0)).sum() / ((shows > 0) | (result_mask > 0)).sum()
    assert both > 0.97


@pytest.mark.parametrize("key", ["red", "green", "blue", "purple"])
def test_a_recoloured_grey_subject_has_the_colour_that_was_asked_for(tmp_path: Path, key: str) -> None:
    rgb = np.full((200, 300, 3), 110, np.uint8)
    stage = Stage(tmp_path, OPEN, rgb)
    drawn = (stage.recipe("recolor", seed=seed) for seed in range(200))
    recipe = next(recipe for recipe in drawn if recipe["colour"] == key)
    result, mask, _ = stage.finished(recipe)
    mean = cv2.mean(result, cv2.erode(mask, np.ones((9, 9), np.uint8)))[:3]
    assert colour_names.name_of(mean).key == key
    assert colour_names.lch_of(mean)[0] == pytest.approx(colour_names.lch_of([110] * 3)[0], abs=0.03)


@pytest.mark.parametrize("kind", ["warm", "cool"])
@pytest.mark.parametrize(
    "colour",
    [(120, 170, 220), (40, 110, 160), (30, 60, 200), (240, 140, 20), (200, 180, 140), (225, 225, 225)],
)
def test_a_tint_makes_no_blue_and_no_orange_green(kind: str, colour: tuple[int, int, int]) -> None:
    (after,) = graded(np.full((1, 1, 3), colour, np.uint8), kind, 0.8)[0]
    *_, chroma, hue = colour_names.lch_of(after)
    assert chroma < 0.03 or not 115 < hue < 195
    before, after_lab = (colour_names.to_oklab(np.array([[one]], np.uint8))[0, 0] for one in (colour, after))
    change = after_lab - before
    assert (change[2] > 0.0) == (kind == "warm") or abs(change[2]) < 0.01
    assert abs(change[0]) < 0.05


def test_what_is_brightened_gets_more_light_and_its_black_no_grey() -> None:
    codes = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 256, 3)
    after = graded(codes, "brighten", 0.8)[0, :, 0].astype(int)
    assert (np.diff(after) >= 0).all()
    assert after[10] < 24 < toned(codes, "brighten", 0.8)[0, 10, 0]
    assert after[128] > 160
    assert (after[0], after[255]) == (0, 255)


def test_other_tones_are_graded_as_they_are_toned() -> None:
    rgb = data.chelsea()
    assert np.array_equal(graded(rgb, "darken", 0.7), toned(rgb, "darken", 0.7))


def test_recolouring_keeps_the_texture() -> None:
    rgb = data.chelsea()
    painted = recoloured(rgb, (169, 131, 106), hue=258, chroma=0.12, gamma=1.0)
    before, after = (colour_names.to_oklab(picture)[..., 0] for picture in (rgb, painted))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99


def test_recolouring_replaces_one_colour_in_light_and_shade_and_leaves_the_others() -> None:
    orange, navy, skin = (216, 96, 61), (50, 40, 120), (222, 190, 165)
    rgb = np.full((240, 320, 3), orange, np.uint8)
    # The same cloth in the shade: the same light, a third of it.
    rgb[:, :100] = colour_names.encoded(colour_names.LINEAR[list(orange)] / np.float32(3))
    rgb[20:100, 200:300], rgb[140:220, 200:300] = navy, skin
    painted = recoloured(rgb, orange, hue=145, chroma=0.16, gamma=1.0)
    for part in (np.s_[20:220, 20:80], np.s_[20:220, 120:180]):
        assert colour_names.hue_distance(colour_names.lch_of(painted[part].mean(axis=(0, 1)))[2], 145) < 5
    for part in (np.s_[30:90, 210:290], np.s_[150:210, 210:290]):
        assert np.abs(painted[part].astype(int) - rgb[part]).max() <= 1


def test_recolouring_takes_highlights_along() -> None:
    rgb = np.full((400, 400, 3), (168, 42, 15), np.uint8)
    rgb[200:206, 100:300] = (230, 190, 180)
    painted = recoloured(rgb, (168, 42, 15), hue=258, chroma=0.16, gamma=1.0)
    lightness, _, hue = colour_names.lch_of(painted[203, 200])
    assert lightness > 0.75
    assert colour_names.hue_distance(hue, 258) < 10


@pytest.mark.parametrize("kind", recipes.IDENTITY_KINDS)
def test_an_identity_edit_keeps_the_edges(stage: Stage, kind: str) -> None:
    patch, x, y = stage.edit(stage.recipe("identity", kind))
    place = np.s_[y : y + patch.shape[0], x : x + patch.shape[1]]
    inside = cv2.erode(stage.silhouette[place], np.ones((5, 5), np.uint8)) > 0
    before, after = (
        cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F, ksize=3)
        for picture in (np.ascontiguousarray(stage.rgb[place]), patch)
    )
    assert np.corrcoef(before[inside], after[inside])[0, 1] > 0.85


def test_more_contrast_darkens_the_darks_and_brightens_the_lights() -> None:
    levels = np.repeat(np.tile(np.arange(40, 200, dtype=np.uint8), (20, 1))[..., None], 3, axis=2)
    change = contrasted(levels, np.full(levels.shape[:2], 255, np.uint8), 0.6)[0, :, 0].astype(int)
    change -= levels[0, :, 0]
    assert change[20] < -8
    assert change[-20] > 8
    assert abs(change[80]) <= 1


# Mean levels of each edit's patch; a newer OpenCV may round otherwise, a changed edit differs by more.
GOLDEN_RECIPES: dict[str, recipes.Recipe] = {
    "move": {"subtype": "move", "dx": -45, "dy": 0},
    "scale": {"subtype": "scale", "factor": 1.3, "anchor_x": 149.5, "anchor_y": 126.0},
    "delete": {"subtype": "delete"},
    "recolor": {"subtype": "recolor", "hue": 258, "chroma": 0.12, "gamma": 0.9},
    "identity": {"subtype": "identity", "strength": 0.6},
    "background": {"subtype": "background", "strength": 0.6},
}
GOLDEN: dict[str, list[float]] = {
    "move/None": [55, 50, 151.36, 98.29, 74.92],
    "scale/None": [86, 28, 169.69, 106.54, 71.92],
    "delete/None": [100, 50, 134.7, 110.45, 100.43],
    "recolor/None": [100, 50, 139.27, 99.16, 93.24],
    "identity/relight_left": [100, 50, 154.9, 90.88, 54.24],
    "identity/relight_right": [100, 50, 154.92, 91.21, 54.68],
    "identity/relight_above": [100, 50, 157.01, 95.63, 57.16],
    "identity/warm": [100, 50, 162.85, 92.77, 48.48],
    "identity/cool": [100, 50, 147.8, 92.77, 59.33],
    "identity/brighten": [100, 50, 167.75, 103.39, 66.22],
    "identity/darken": [100, 50, 142.54, 81.64, 48.48],
    "identity/contrast": [100, 50, 161.27, 94.63, 51.27],
    "background/defocus": [0, 0, 158.56, 85.77, 51.55],
    "background/warm": [0, 0, 169.09, 85.92, 38.06],
    "background/cool": [0, 0, 133.04, 85.92, 62.5],
    "background/darken": [0, 0, 121.8, 64.96, 38.06],
    "background/brighten": [0, 0, 182.84, 117.72, 81.01],
    "background/desaturate": [0, 0, 127.65, 96.1, 80.66],
}


@pytest.mark.parametrize(("subtype", "kind"), EVERY_EDIT)
def test_golden_edits_else_bump_the_edits_version(stage: Stage, subtype: str, kind: str | None) -> None:
    patch, x, y = stage.edit(GOLDEN_RECIPES[subtype] | ({"kind": kind} if kind else {}))
    assert [x, y, *patch.mean(axis=(0, 1))] == pytest.approx(GOLDEN[f"{subtype}/{kind}"], abs=0.05)


@pytest.mark.parametrize(
    ("kind", "bright", "dark"),
    [
        ("relight_left", np.s_[:, :100], np.s_[:, -100:]), ("relight_right", np.s_[:, -100:], np.s_[:, :100]),
        ("relight_above", np.s_[:100], np.s_[-100:]),
    ],
)  # fmt: skip
def test_the_side_of_the_light_is_brighter_and_the_other_darker(kind: str, bright: Any, dark: Any) -> None:
    rgb = np.full((300, 400, 3), 120, np.uint8)
    lit = relit(rgb, kind, 0.5, (0, 0, 400, 300))
    assert lit[bright].min() > 120 > lit[dark].max()
    assert (
        np.abs(np.diff(lit.astype(int), axis=0)).max() <= 2 >= np.abs(np.diff(lit.astype(int), axis=1)).max()
    )


@pytest.mark.parametrize("strength", [0.1, 0.4, 0.55, 0.7, 0.9, 1.0])
def test_defocus_lets_no_colour_of_the_subject_out(strength: float) -> None:
    rgb = np.full((300, 400, 3), 100, np.uint8)
    rgb[100:200, 150:250] = (255, 0, 0)
    alpha = np.where(rgb[..., 1] == 0, 255, 0).astype(np.uint8)
    blurred = defocused(rgb, alpha, strength).astype(int)
    assert np.abs(blurred[alpha == 0] - 100).max() <= 2


@pytest.mark.parametrize("subtype", ["recolor", "identity", "background"])
def test_edits_that_need_a_mask_alone_are_the_same_without_layers(stage: Stage, subtype: str) -> None:
    recipe = stage.recipe(subtype)
    layered = stage.edit(recipe)
    alpha = decode(stage.folder / "object_1.png")[..., 3]
    (stage.folder / "alpha.png").write_bytes(encode_png(np.ascontiguousarray(alpha)))
    stage.object |= {"layer": None, "background": None, "alpha": {"file": "alpha.png", **stage.box}}
    masked = stage.edit(recipe)
    assert masked[1:] == layered[1:]
    assert np.array_equal(masked[0], layered[0])


def test_what_lies_behind_an_object_is_filled_where_it_was_not_made_with_it(stage: Stage) -> None:
    stage.object["background"] = None
    recipe = stage.recipe("delete")
    patch, x, y = stage.edit(recipe)
    assert stage.row["recomposition_error"] < 2
    assert np.array_equal(stage.edit(recipe)[0], patch)
    height, width = patch.shape[:2]
    here = np.s_[y : y + height, x : x + width]
    inside = stage.silhouette[here] > 0
    far = cv2.dilate(stage.alpha[here], np.ones((9, 9), np.uint8)) == 0
    assert np.abs(patch[inside].astype(int) - stage.rgb[here][inside]).mean() > 5
    assert np.array_equal(patch[far], stage.rgb[here][far])
    moved, left, top = stage.edit(stage.recipe("move"))
    # All edits of an object show the same behind it.
    row, column = np.argwhere(inside & (patch != stage.rgb[here]).any(axis=2))[0] + (y, x)
    if stage.silhouette[row - stage.recipe("move")["dy"], column - stage.recipe("move")["dx"]] == 0:
        assert np.array_equal(moved[row - top, column - left], patch[row - y, column - x])


def test_a_photo_that_changed_since_the_scan_is_refused(stage: Stage) -> None:
    with pytest.raises(SourceError, match="not the one"):
        stage.edit(stage.recipe("delete"), source_id="0" * 16)


def test_an_unknown_edit_is_refused(stage: Stage) -> None:
    with pytest.raises(WorkerError, match="no edit 'invent'"):
        stage.edit({"subtype": "invent"})

"""Whether a result is what its recipe states: made again where the encoder is at hand."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.edits.inverses import inverted
from iedf_assets.core.edits.stated import KINDS, applied
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg, is_reference_encoder
from iedf_assets.core.profile.bank import bank, level_name
from iedf_assets.core.scoring import stated
from iedf_assets.core.scoring.stated import measure_stated, stated_error

SOURCE = decode_jpeg(encode_jpeg(data.coffee(), 95))
EVERY_KIND = [(subtype, kind) for subtype, kinds in KINDS.items() for kind in kinds]
every_kind = pytest.mark.parametrize(("subtype", "kind"), EVERY_KIND)


def recipe_of(subtype: str, kind: str, percent: float = 20) -> dict[str, Any]:
    return {"subtype": subtype, "kind": kind, "percent": percent}


def stored(pixels: Pixels, quality: int = 95) -> Pixels:
    return decode_jpeg(encode_jpeg(pixels, quality))


def by_another_encoder(pixels: Pixels) -> Pixels:
    """What it decodes to when somebody else writes it, with tables of their own."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", subsampling=0, qtables=[[2] * 64, [3] * 64])
    return np.asarray(Image.open(buffer).convert("RGB"))


def test_the_encoder_of_the_tests_is_the_known_one() -> None:
    assert is_reference_encoder()


@every_kind
@pytest.mark.parametrize("quality", [75, 95])
def test_what_was_made_as_stated_differs_in_nothing(subtype: str, kind: str, quality: int) -> None:
    recipe = recipe_of(subtype, kind)
    assert stated_error(SOURCE, stored(applied(recipe, SOURCE), quality), recipe, quality) == 0


@every_kind
def test_another_amount_channel_region_or_direction_differs(subtype: str, kind: str) -> None:
    recipe = recipe_of(subtype, kind)
    wanted = applied(recipe, SOURCE)
    channel, region = wanted.copy(), wanted.copy()
    channel[..., 0] = SOURCE[..., 0]
    region[100:140, 200:260] = SOURCE[100:140, 200:260]
    other = next(known for known in KINDS[subtype] if known != kind)
    wrong = [
        applied(recipe_of(subtype, kind, 22), SOURCE),
        channel,
        region,
        applied(recipe_of(subtype, other), SOURCE),
    ]
    for result in wrong:
        assert (stated_error(SOURCE, stored(result), recipe, 95) or 0) > 0


@every_kind
def test_by_another_encoder_means_of_blocks_are_compared(subtype: str, kind: str) -> None:
    recipe = recipe_of(subtype, kind, 30)
    wanted = applied(recipe, SOURCE)
    assert stated_error(SOURCE, by_another_encoder(wanted), recipe, None) == 0
    region = wanted.copy()
    region[100:140, 200:260] = SOURCE[100:140, 200:260]
    for result in (region, applied(recipe_of(subtype, kind, 10), SOURCE)):
        assert (stated_error(SOURCE, by_another_encoder(result), recipe, None) or 0) > 0


def test_where_the_known_encoder_is_not_at_hand_blocks_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_of("brightness", "darker")
    result = stored(np.maximum(applied(recipe, SOURCE), 1))
    assert (stated_error(SOURCE, result, recipe, 95) or 0) > 0
    monkeypatch.setattr(stated, "is_reference_encoder", lambda: False)
    assert stated_error(SOURCE, result, recipe, 95) == 0


@every_kind
@pytest.mark.parametrize("step", ["slight", "clear", "strong"])
def test_a_plain_text_allows_each_amount_of_its_level_and_no_other(
    subtype: str, kind: str, step: str
) -> None:
    said = {"subtype": subtype, "kind": kind, "level": f"amount/{step}"}
    for percent in (12, 20, 33):
        result = stored(applied(recipe_of(subtype, kind, percent), SOURCE))
        error = stated_error(SOURCE, result, said, 95)
        assert (error == 0) == (bank().level_of("amount", percent) == step)


@pytest.mark.parametrize(
    "recipe",
    [
        None, {}, {"subtype": "contrast"}, {"subtype": "contrast", "kind": "higher"},
        {"subtype": "move", "percent": 3},
        {"subtype": "contrast", "kind": "higher", "level": "shift/little"},
    ],
)  # fmt: skip
def test_nothing_is_told_of_a_recipe_that_states_nothing(recipe: dict[str, Any] | None) -> None:
    assert stated_error(SOURCE, SOURCE, recipe, 95) is None
    assert measure_stated(SOURCE, SOURCE, recipe, 95)["stated_error"] is None


def test_scores_say_how_much_changed_and_that_nothing_lies_outside() -> None:
    recipe = recipe_of("brightness", "brighter", 30)
    scores = measure_stated(SOURCE, stored(applied(recipe, SOURCE)), recipe, 95)
    assert scores["stated_error"] == 0
    assert (scores["changed_share_inside"] or 0) > 0.5
    assert scores["outside_share"] == 0
    assert scores["max_difference_outside"] is None


@every_kind
def test_an_inverse_is_told_by_what_it_undoes(subtype: str, kind: str) -> None:
    after = stored(applied(recipe_of(subtype, kind), SOURCE))
    back, _ = inverted(recipe_of(subtype, kind), {})  # type: ignore[misc]  # never refused
    assert stated_error(after, SOURCE, back, 95) == 0
    assert stated_error(after, SOURCE, back, None) == 0
    for wrong in (SOURCE, stored(applied(recipe_of(subtype, kind, 23), SOURCE))):
        assert (stated_error(wrong, SOURCE, back, 95) or 0) > 0
    assert (stated_error(SOURCE, after, back, 95) or 0) > 0


@every_kind
def test_where_only_a_text_tells_an_inverse_is_as_good_as_the_edit(subtype: str, kind: str) -> None:
    after = stored(applied(recipe_of(subtype, kind), SOURCE))
    back, _ = inverted(recipe_of(subtype, kind), {})  # type: ignore[misc]  # never refused
    said = {name: back[name] for name in ("subtype", "kind", "percent")}
    level = bank().level_of(level_name(subtype), back["percent"])
    plain = {"subtype": subtype, "kind": back["kind"], "level": f"amount/{level}"}
    for text in (said, plain):
        assert measure_stated(after, SOURCE, text, 95, either_way=True)["stated_error"] == 0
        # Swapped, the text is wrong either way; and an index has said which of them it is.
        assert (measure_stated(SOURCE, after, text, 95, either_way=True)["stated_error"] or 0) > 0
        assert (measure_stated(after, SOURCE, text, 95)["stated_error"] or 0) > 0

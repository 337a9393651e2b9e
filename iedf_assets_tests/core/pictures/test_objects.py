"""Objects of a photo: what the network sees, apart and together, and how sure it is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from iedf_assets.core.arrays import Bools, Pixels
from iedf_assets.core.pictures.objects import (
    LOOKED_AT,
    Found,
    Opinions,
    find_objects,
    iou,
    looked_at,
    opinions_of,
    parts,
    together,
)
from iedf_assets.core.pictures.subjects import Answer, Network
from iedf_assets_tests.helpers.networks import put_network, real_network


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(real_network())


def found_in(network: Network, photo: Pixels) -> list[Found]:
    return find_objects(network, photo, opinions_of(network, photo))


def pasted(ground: Pixels, thing: Pixels, mask: Bools, places: list[tuple[int, int]]) -> list[Bools]:
    """Paste a thing at places (x, y) of the ground, in place; returns its masks there."""
    height, width = mask.shape
    masks = []
    for x, y in places:
        ground[y : y + height, x : x + width][mask] = thing[mask]
        masks.append(np.zeros(ground.shape[:2], np.bool_))
        masks[-1][y : y + height, x : x + width] = mask
    return masks


def cup(network: Network, side: int) -> tuple[Pixels, Bools]:
    """The coffee of scikit-image with its saucer, cut out: pixels and mask, its longer side so long."""
    photo = data.coffee()
    (best,) = found_in(network, photo)[:1]
    x, y, w, h = cv2.boundingRect(best.mask.astype(np.uint8))
    factor = side / max(w, h)
    size = round(w * factor), round(h * factor)
    crop = cv2.resize(photo[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(best.probability[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA) > 0.5
    return np.asarray(crop, np.uint8), np.asarray(mask)


def lawn(height: int = 640, width: int = 960) -> Pixels:
    grass = cv2.resize(data.grass(), (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    soft = cv2.GaussianBlur(grass, (0, 0), 2)
    return np.dstack([soft * 0.5, soft * 0.75, soft * 0.4]).astype(np.uint8)


@pytest.mark.slow
def test_things_that_do_not_touch_are_objects_of_their_own_and_a_group(network: Network) -> None:
    photo = lawn()
    thing, mask = cup(network, 260)
    masks = pasted(photo, thing, mask, [(80, 200), (560, 260)])
    found = found_in(network, photo)
    assert len(found) == 2
    for one in found:
        assert max(iou(one.mask, mask) for mask in masks) > 0.9
        assert one.confidence > 0.85
    group = together(found)
    assert iou(group.mask, masks[0] | masks[1]) > 0.9
    assert group.confidence == min(one.confidence for one in found)


@pytest.mark.slow
@pytest.mark.slow
def test_a_thing_of_two_percent_is_seen_more_finely_the_second_time(network: Network) -> None:
    photo = lawn(900, 1280)
    thing, mask = cup(network, 200)
    (truth,) = pasted(photo, thing, mask, [(760, 420)])
    opinions = opinions_of(network, photo)
    (found,) = find_objects(network, photo, opinions)
    assert 0.01 < truth.mean() < 0.03
    assert found.cell < opinions.cell / 2
    assert iou(found.mask, truth) > max(0.92, iou(np.asarray(opinions.first > 0.5), truth))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gravel", "grass"])
def test_a_texture_holds_no_object(network: Network, name: str) -> None:
    assert found_in(network, np.dstack([getattr(data, name)()] * 3)) == []


def test_crumbs_go_to_what_they_lie_beside_and_others_are_left_out() -> None:
    mask = np.zeros((400, 600), np.bool_)
    mask[100:200, 100:200] = True
    mask[100:160, 400:460] = True
    mask[150:155, 205:209] = True
    mask[350:354, 500:504] = True
    large, small = parts(mask)
    assert large[152, 207]
    assert np.count_nonzero(large) == 100 * 100 + 5 * 4
    assert np.count_nonzero(small) == 60 * 60
    assert parts(np.zeros((40, 40), np.bool_)) == []


def test_agreement_counts_what_is_near_and_nobody_elses() -> None:
    mask = np.zeros((300, 400), np.bool_)
    mask[100:200, 50:150] = True
    far, beside, half = mask.copy(), mask.copy(), mask.copy()
    far[100:200, 300:380] = True
    beside[100:200, 160:170] = True
    half[:, :100] = False
    none = np.zeros_like(mask)

    def agreement(other: Bools, others: Bools = none) -> float:
        same = mask.astype(np.float32)
        opinions = Opinions(same, (same, other.astype(np.float32)), 1.0, sees_subject=True, cell=1.0)
        return opinions.agreement(mask, others)

    assert agreement(mask) == 1
    assert agreement(far) == 1
    assert agreement(beside) == pytest.approx((2 + 100 / 110) / 3, abs=0.01)
    assert agreement(beside, beside & ~mask) == 1
    assert agreement(half) == pytest.approx((2 + 0.5) / 3)


def test_of_opinions_that_are_alike_no_third_is_asked(tmp_path: Path) -> None:
    network, asked = Network(put_network(tmp_path / "n.onnx")), []
    ask = network.ask

    def counted(rgb: Pixels) -> Answer:
        asked.append(rgb)
        return ask(rgb)

    network.ask = counted  # type: ignore[method-assign]
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[60:140, 100:200] = 255
    three = opinions_of(network, photo)
    assert len(asked) == 3
    two = opinions_of(network, photo, alike=0.9)
    assert len(asked) == 5
    assert iou(two.mean > 0.5, three.mean > 0.5) > 0.97


@pytest.mark.parametrize(("continued", "filled"), [(1.0, True), (0.97, False), (0.2, False)])
def test_a_gap_at_the_frame_is_none_where_it_is_none_when_continued(
    tmp_path: Path, continued: float, filled: bool
) -> None:
    photo = np.zeros((200, 200, 3), np.uint8)
    first = np.zeros((200, 200), np.float32)
    first[20:, 20:180] = 1
    gap = np.s_[170:, 80:110]
    first[gap] = 0
    bordered = first.copy()
    bordered[gap] = continued
    opinions = Opinions(first, (first, bordered), 1.0, sees_subject=True, cell=1.0)
    (found,) = find_objects(Network(put_network(tmp_path / "n.onnx")), photo, opinions)
    assert bool(found.mask[gap].all()) is filled
    assert bool(found.mask[gap].any()) is filled
    assert not found.mask[100, :20].any()


def test_a_large_photo_is_looked_at_smaller(tmp_path: Path) -> None:
    assert looked_at(np.zeros((100, 200, 3), np.uint8)).shape == (100, 200, 3)
    assert looked_at(np.zeros((3000, 2000, 3), np.uint8)).shape == (LOOKED_AT, 853, 3)
    assert looked_at(np.zeros((5000, 1, 3), np.uint8)).shape == (LOOKED_AT, 1, 3)
    assert found_in(Network(put_network(tmp_path / "n.onnx")), np.zeros((1, 1, 3), np.uint8)) == []

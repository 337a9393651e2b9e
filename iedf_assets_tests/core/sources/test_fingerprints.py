import io
import random
import time
from itertools import combinations, pairwise
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.sources.fingerprints import (
    Candidate,
    HashIndex,
    in_company,
    look_of,
    perceptual_hash,
    resolve_duplicates,
    split_groups,
    split_of,
    twins,
)

COLOUR = ("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
hashes = st.integers(0, 2**64 - 1)
# Values a few bits apart, so that chains and near misses are common.
close_hashes = st.builds(
    lambda base, flips: base ^ sum({1 << flip for flip in flips}),
    st.sampled_from([0, 0xFFFF0000FFFF0000, 0x0123456789ABCDEF]),
    st.lists(st.integers(0, 63), max_size=6),
)


def bits_between(one: str | None, other: str | None) -> int:
    assert one is not None
    assert other is not None
    return (int(one, 16) ^ int(other, 16)).bit_count()


def coded(rgb: Pixels, file_format: str, **options: Any) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, file_format, **options)
    with Image.open(buffer) as picture:
        return np.asarray(picture.convert("RGB"))


def candidate(path: str, value: int | None, content: str = "") -> Candidate:
    return Candidate(path, content or path, None if value is None else f"{value:016x}")


@pytest.mark.parametrize("name", COLOUR)
def test_a_hash_survives_coding_and_scaling(name: str) -> None:
    rgb = getattr(data, name)()
    value = perceptual_hash(rgb)
    assert value is not None
    assert len(value) == 16
    variants = [coded(rgb, "JPEG", quality=quality) for quality in (95, 75, 40)]
    variants += [coded(rgb, "WEBP", quality=50)]
    variants += [cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)]
    variants += [cv2.resize(rgb, None, fx=f, fy=f, interpolation=cv2.INTER_AREA) for f in (0.7, 0.5, 0.25)]
    assert max(bits_between(value, perceptual_hash(variant)) for variant in variants) <= 3


def test_different_photos_have_distant_hashes() -> None:
    values = [perceptual_hash(getattr(data, name)()) for name in COLOUR]
    assert min(bits_between(one, other) for one, other in combinations(values, 2)) > 10


def test_a_mirrored_photo_is_another_one() -> None:
    rgb = data.coffee()
    assert bits_between(perceptual_hash(rgb), perceptual_hash(np.ascontiguousarray(rgb[:, ::-1]))) > 10


@pytest.mark.parametrize("noise", [0, 3])
def test_a_flat_picture_has_no_hash(noise: int) -> None:
    rng = np.random.default_rng(0)
    for level in (0, 128, 250):
        flat = (level + rng.integers(0, noise + 1, (200, 300, 3))).astype(np.uint8)
        assert perceptual_hash(flat) is None


@given(values=st.lists(close_hashes | hashes, max_size=25), asked=close_hashes, bits=st.integers(0, 7))
@settings(deadline=None)
def test_the_index_finds_what_comparing_all_finds(values: list[int], asked: int, bits: int) -> None:
    index = HashIndex(bits)
    for value in values:
        index.add(value)
    distances = {value: (value ^ asked).bit_count() for value in values}
    assert index.near(asked) == {value: d for value, d in distances.items() if d <= bits}


@given(
    rows=st.lists(st.tuples(close_hashes, st.integers(0, 8)), max_size=20), seed=st.integers(), data=st.data()
)
@settings(deadline=None)
def test_duplicates_depend_on_no_order(rows: list[tuple[int, int]], seed: int, data: st.DataObject) -> None:
    given_rows = [candidate(f"{i:02d}", value, f"content {c}") for i, (value, c) in enumerate(rows)]
    before = data.draw(st.sets(st.sampled_from([row.path for row in given_rows]))) if rows else set()
    shuffled = random.Random(seed).sample(given_rows, len(given_rows))
    assert resolve_duplicates(shuffled, before, 4) == resolve_duplicates(given_rows, before, 4)


@given(rows=st.lists(close_hashes, max_size=20), bits=st.integers(-1, 7))
@settings(deadline=None)
def test_kept_rows_are_far_apart_and_each_duplicate_names_a_kept_one_near(rows: list[int], bits: int) -> None:
    photos = {f"{i:02d}": candidate(f"{i:02d}", value) for i, value in enumerate(rows)}
    turned = resolve_duplicates(photos.values(), (), bits)
    kept = {path: photo for path, photo in photos.items() if path not in turned}
    for one, other in combinations(kept.values(), 2):
        assert bits_between(one.phash, other.phash) > bits
    for path, why in turned.items():
        assert why.reason == "near_duplicate"
        assert bits_between(photos[path].phash, kept[why.kept].phash) <= bits


@given(
    rows=st.lists(st.tuples(st.none() | close_hashes, st.integers(0, 40)), max_size=30),
    bits=st.integers(-1, 7),
    data=st.data(),
)
@settings(deadline=None)
def test_only_photos_in_company_can_be_duplicates(
    rows: list[tuple[int | None, int]], bits: int, data: st.DataObject
) -> None:
    photos = [candidate(f"{i:02d}", value, f"content {c}") for i, (value, c) in enumerate(rows)]
    before = data.draw(st.sets(st.sampled_from([photo.path for photo in photos]))) if photos else set()
    table = pl.DataFrame(photos, dict.fromkeys(Candidate._fields, pl.String), orient="row")
    company = [Candidate(*facts) for facts in in_company(table, bits).rows()]
    assert resolve_duplicates(company, before, bits) == resolve_duplicates(photos, before, bits)
    alone = {photo.path for photo in photos} - {photo.path for photo in company}
    for one, other in combinations(photos, 2):
        near = bits >= 0 and one.phash and other.phash and bits_between(one.phash, other.phash) <= bits
        assert not ((near or one.source_id == other.source_id) and alone & {one.path, other.path})


def test_an_index_of_kept_rows_equals_comparing_all() -> None:
    rng = random.Random(5)
    values = [
        rng.choice([0, 2**63, 0xABCD << 20]) ^ (1 << rng.randrange(64)) ^ rng.randrange(8) for _ in range(400)
    ]
    turned = resolve_duplicates([candidate(f"{i:03d}", value) for i, value in enumerate(values)], (), 4)
    kept: list[int] = []
    for number, value in enumerate(values):
        near = any((value ^ other).bit_count() <= 4 for other in kept)
        assert (f"{number:03d}" in turned) == near
        if not near:
            kept.append(value)
    assert 1 < len(kept) < 400


def test_a_chain_keeps_every_second_link() -> None:
    values = {"a": 0b0, "b": 0b1111, "c": 0b11111111, "d": 0b111111111111}
    turned = resolve_duplicates([candidate(path, value) for path, value in values.items()], (), 4)
    assert {path: why.kept for path, why in turned.items()} == {"b": "a", "d": "c"}


def test_what_was_accepted_before_stays() -> None:
    photos = [candidate("a", 7, "same"), candidate("b", 7, "same"), candidate("c", 6, "other")]
    turned = resolve_duplicates(photos, {"b"}, 4)
    assert {path: (why.reason, why.kept) for path, why in turned.items()} == {
        "a": ("duplicate", "b"),
        "c": ("near_duplicate", "b"),
    }


def test_without_hashes_only_equal_files_are_duplicates() -> None:
    photos = [
        candidate("a", 7, "same"),
        candidate("b", 7, "same"),
        candidate("c", 7),
        candidate("d", None),
        candidate("e", None),
    ]
    assert resolve_duplicates(photos, (), -1).keys() == {"b"}
    assert resolve_duplicates(photos[3:], (), 4) == {}


@pytest.mark.parametrize("kind", ["far apart", "one hash", "clusters"])
def test_many_photos_take_little_time(kind: str) -> None:
    rng = random.Random(1)
    centres = [rng.getrandbits(64) for _ in range(20)]
    values = {
        "far apart": [rng.getrandbits(64) for _ in range(10_000)],
        "one hash": [0x1234] * 10_000,
        "clusters": [rng.choice(centres) ^ (1 << rng.randrange(64)) for _ in range(10_000)],
    }[kind]
    photos = [candidate(f"{i:06d}", value) for i, value in enumerate(values)]
    begun = time.process_time()
    resolve_duplicates(photos, (), 4)
    assert time.process_time() - begun < 5  # comparing all would take 50 million comparisons


def test_twins_are_found_across_categories_only() -> None:
    rows = {
        "a": [candidate("a/1", 0, "x"), candidate("a/2", 1 << 40, "y"), candidate("a/3", None, "z")],
        "b": [
            candidate("b/1", 0b1111, "u"),
            candidate("b/2", (1 << 64) - 1, "y"),
            candidate("b/3", None, "w"),
        ],
        "c": [candidate("c/1", 0b11111, "v"), candidate("c/2", None, "z")],
    }
    found = [(pair.first, pair.second, pair.same_content) for pair in twins(rows, 4)]
    assert found == [
        ("a/1", "b/1", False), ("a/2", "b/2", True), ("a/3", "c/2", True), ("b/1", "c/1", False)
    ]  # fmt: skip
    assert [(pair.first, pair.second) for pair in twins(rows, -1)] == [("a/2", "b/2"), ("a/3", "c/2")]


@given(values=st.lists(st.tuples(st.sampled_from("abc"), close_hashes), max_size=15))
@settings(deadline=None)
def test_twins_share_a_group_and_others_do_not(values: list[tuple[str, int]]) -> None:
    rows: dict[str, list[Candidate]] = {"a": [], "b": [], "c": []}
    for i, (category, value) in enumerate(values):
        rows[category].append(candidate(f"{category}/{i}", value, f"{i:032x}"))
    flat = [row for category in rows.values() for row in category]
    pairs = twins(rows, 4)
    groups = split_groups(flat, pairs)
    reach = {row.source_id: {row.source_id} for row in flat}
    ids = {row.path: row.source_id for row in flat}
    for _ in flat:
        for pair in pairs:
            both = reach[ids[pair.first]] | reach[ids[pair.second]]
            for member in both:
                reach[member] = both
    assert groups == {one: min(members) for one, members in reach.items() if len(members) > 1}


@given(share=st.floats(0, 1))
@settings(deadline=None, max_examples=20)
def test_the_validation_split_has_its_share(share: float) -> None:
    rng = random.Random(3)
    splits = [split_of(f"{rng.getrandbits(128):032x}", share) for _ in range(2000)]
    assert splits.count("validation") / 2000 == pytest.approx(share, abs=0.05)


def test_a_larger_validation_share_only_adds() -> None:
    rng = random.Random(4)
    ids = [f"{rng.getrandbits(128):032x}" for _ in range(500)]
    few = {one for one in ids if split_of(one, 0.05) == "validation"}
    assert few < {one for one in ids if split_of(one, 0.2) == "validation"}


def tripod(colour: tuple[int, int, int] | None) -> Pixels:
    """One scene from one place, with a thing in it, or none."""
    scene = np.ascontiguousarray(data.coffee()[:384, :512])
    if colour is not None:
        cv2.circle(scene, (400, 80), 36, colour, -1)
    return scene


def candidate_of(name: str, rgb: Pixels) -> Candidate:
    return Candidate(name, name, perceptual_hash(rgb), look_of(rgb), rgb.shape[0] * rgb.shape[1])


def test_other_things_in_one_scene_are_other_photos_though_their_hashes_are_near() -> None:
    photos = [
        candidate_of(str(n), tripod(colour)) for n, colour in enumerate([None, (255, 255, 0), (0, 0, 255)])
    ]
    hashes = [int(photo.phash or "0", 16) for photo in photos]
    assert any((one ^ other).bit_count() <= 7 for one, other in pairwise(hashes))
    assert resolve_duplicates(photos, [], 7) == {}


@pytest.mark.parametrize("harm", ["smaller", "re-encoded", "cropped"])
def test_the_same_picture_again_is_a_near_duplicate_and_the_largest_stays(harm: str) -> None:
    whole = tripod((255, 255, 0))
    buffer = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    other = {
        "smaller": np.asarray(cv2.resize(whole, (256, 192), interpolation=cv2.INTER_AREA), np.uint8),
        "re-encoded": np.asarray(cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED), np.uint8)[:-1],
        "cropped": whole[3:-3, 4:-4],
    }[harm]
    for names in (("a", "z"), ("z", "a")):
        photos = [candidate_of(names[0], whole), candidate_of(names[1], np.ascontiguousarray(other))]
        turned = resolve_duplicates(photos, [], 4)
        assert {name: why.kept for name, why in turned.items()} == {names[1]: names[0]}
        # What is published already stays.
        assert set(resolve_duplicates(photos, [names[1]], 4)) == {names[0]}

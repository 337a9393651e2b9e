from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.exporting.examples import stem_of
from iedf_assets.core.exporting.samples import Head
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.storage.keys import seed_from
from iedf_assets.core.storage.naming import SampleKey

LIMIT = 100_000


def head(number: int, size: int = 4000) -> Head:
    key = f"semantic_edit/delete/mixed/{number:05d}"
    return Head(key, f"{number}", "train", size, f"{number}", seed_from(key), (number,))


def shards_of(numbers: list[int]) -> list[Shard]:
    return list(sharded(map(head, numbers), LIMIT))


@given(st.lists(st.integers(1, 99_999), unique=True, max_size=400))
def test_every_sample_is_in_one_shard_and_none_is_too_large(numbers: list[int]) -> None:
    shards = shards_of(sorted(numbers))
    found = [one.places[0] for shard in shards for one in shard.heads]
    assert found == sorted(numbers)
    assert all(0 < shard.bytes <= LIMIT for shard in shards)


@given(st.lists(st.integers(1, 99_999), unique=True, min_size=300, max_size=600), st.integers(1, 99_999))
def test_one_sample_more_changes_few_shards(numbers: list[int], more: int) -> None:
    before = {shard.key() for shard in shards_of(sorted(numbers))}
    after = {shard.key() for shard in shards_of(sorted({*numbers, more}))}
    assert len(after - before) <= max(4, len(after) // 4)


def test_a_sample_larger_than_a_shard_has_one_of_its_own() -> None:
    shards = list(sharded([head(1), head(2, 3 * LIMIT), head(3)], LIMIT))
    assert [2] in [[one.places[0] for one in shard.heads] for shard in shards]


def test_splits_never_share_a_shard() -> None:
    many = [head(number) for number in range(50)]
    mixed = [one._replace(split=("train", "validation")[number % 2]) for number, one in enumerate(many)]
    for shard in sharded(mixed, LIMIT):
        assert {one.split for one in shard.heads} == {shard.split}


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True), unique=True, max_size=30))
def test_samples_of_different_scenes_have_different_stems(scenes: list[str]) -> None:
    stems = {stem_of(SampleKey("semantic_edit", "delete", scene, 1)) for scene in scenes}
    assert len(stems) == len(scenes)

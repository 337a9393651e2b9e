from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.exporting.examples import Example, stem_of
from iedf_assets.core.exporting.shards import Shard, sharded
from iedf_assets.core.storage.naming import SampleKey

LIMIT = 100_000


def example(number: int, size: int = 4000) -> Example:
    entry = {"sample_key": f"semantic_edit/delete/mixed/{number:05d}", "split": "train"}
    return Example(entry, "{}", {"source": Path("x")}, size, str(number))


def shards_of(numbers: list[int]) -> list[Shard]:
    return list(sharded(map(example, numbers), LIMIT))


@given(st.lists(st.integers(1, 99_999), unique=True, max_size=400))
def test_every_sample_is_in_one_shard_and_none_is_too_large(numbers: list[int]) -> None:
    shards = shards_of(sorted(numbers))
    found = [one.sample.number for shard in shards for one in shard.examples]
    assert found == sorted(numbers)
    assert all(0 < shard.bytes <= LIMIT for shard in shards)


@given(st.lists(st.integers(1, 99_999), unique=True, min_size=300, max_size=600), st.integers(1, 99_999))
def test_one_sample_more_changes_few_shards(numbers: list[int], more: int) -> None:
    before = {shard.key() for shard in shards_of(sorted(numbers))}
    after = {shard.key() for shard in shards_of(sorted({*numbers, more}))}
    assert len(after - before) <= max(4, len(after) // 4)


def test_a_sample_larger_than_a_shard_has_one_of_its_own() -> None:
    shards = list(sharded([example(1), example(2, 3 * LIMIT), example(3)], LIMIT))
    assert [2] in [[one.sample.number for one in shard.examples] for shard in shards]


def test_splits_never_share_a_shard() -> None:
    many = [example(number) for number in range(50)]
    mixed = [
        Example({**one.entry, "split": ("train", "validation")[number % 2]}, "{}", one.files, 1, one.stamp)
        for number, one in enumerate(many)
    ]
    for shard in sharded(mixed, LIMIT):
        assert {one.split for one in shard.examples} == {shard.split}


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True), unique=True, max_size=30))
def test_samples_of_different_scenes_have_different_stems(scenes: list[str]) -> None:
    stems = {stem_of(SampleKey("semantic_edit", "delete", scene, 1)) for scene in scenes}
    assert len(stems) == len(scenes)

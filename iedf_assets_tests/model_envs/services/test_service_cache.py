from pathlib import Path

import pytest

from model_envs.services.cache import Cache, Entry


def kept(cache: Cache, request_id: str, size: int = 100) -> None:
    work = cache.work_folder()
    (work / "a.png").write_bytes(b"x" * size)
    entry = Entry("f", {"told": 1}, 0.5, {"a.png": size})
    cache.place(request_id, work, entry)
    cache.keep(request_id, entry)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", "model", 250)


def test_what_was_kept_is_found_here_and_after_a_restart(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    assert cache.find("one") == Cache(tmp_path / "cache", "model", 250).find("one") is not None
    assert cache.find("two") is None


def test_answers_of_another_model_are_forgotten(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    assert Cache(tmp_path / "cache", "other", 250).find("one") is None
    assert not cache.folder("one").exists()


@pytest.mark.parametrize("harm", ["gone", "short"])
def test_an_answer_whose_files_are_not_whole_is_none(cache: Cache, harm: str) -> None:
    kept(cache, "one")
    file = cache.folder("one") / "a.png"
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(b"")
    assert cache.find("one") is None


def test_the_ones_not_asked_for_longest_go_first_and_those_in_use_stay(cache: Cache) -> None:
    for name in ("one", "two", "three", "four"):
        kept(cache, name)
    cache.find("one")
    gone = cache.overfull({"two"})
    assert [folder.name for folder in gone] == ["three", "four"]
    for folder in gone:
        cache.remove(folder)
    assert cache.overfull(()) == []
    assert [name for name in ("one", "two", "three", "four") if cache.find(name)] == ["one", "two"]


def test_what_a_killed_service_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "cache" / ".tmp-999999999-abcd-work").mkdir(parents=True)
    (tmp_path / "cache" / "half").mkdir()
    Cache(tmp_path / "cache", "model", 250)
    assert list((tmp_path / "cache").iterdir()) == []

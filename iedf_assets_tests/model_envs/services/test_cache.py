from pathlib import Path

import pytest

from iedf_assets.core.errors import LockedError, StorageError
from iedf_assets.core.storage.files import this_host
from iedf_assets.core.storage.ownership import MARK
from model_envs.services.cache import Cache, Entry


def kept(cache: Cache, request_id: str, size: int = 100) -> None:
    work = cache.work_folder()
    work.mkdir()
    (work / "a.png").write_bytes(b"x" * size)
    entry = Entry("f", {"told": 1}, 0.5, {"a.png": size})
    cache.place(request_id, work, entry)
    cache.keep(request_id, entry)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", "model", 250)


def test_what_was_kept_is_found_here_and_after_a_restart(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    entry = cache.find("one")
    cache.close()
    again = Cache(tmp_path / "cache", "model", 250)
    assert entry == again.find("one") is not None
    assert again.find("two") is None


def test_answers_of_another_model_are_forgotten(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    cache.close()
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
    left = tmp_path / "cache" / f".tmp-999999999@{this_host()}-0123abcd-work"
    left.mkdir(parents=True)
    Cache(tmp_path / "cache", "model", 250)
    assert not left.exists()


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(tmp_path: Path) -> None:
    photo = tmp_path / "home" / "photos" / "a.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"a photo")
    with pytest.raises(StorageError, match="holds photos") as refused:
        Cache(tmp_path / "home", "model", 250)
    assert "--cache-dir" in refused.value.remedy
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["photos"]
    assert photo.read_bytes() == b"a photo"


def test_what_lies_in_the_cache_and_is_no_answer_of_ours_stays(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    kept(cache, "two")
    cache.close()
    beside, within = tmp_path / "cache" / "holiday" / "a.jpg", cache.folder("two") / "notes.txt"
    beside.parent.mkdir()
    for path in (beside, within):
        path.write_bytes(b"mine")
    other = Cache(tmp_path / "cache", "other", 250)
    assert not cache.folder("one").exists()
    assert beside.read_bytes() == within.read_bytes() == b"mine"
    with pytest.raises(FileExistsError, match="holiday exists and is no answer"):
        kept(other, "holiday")


def test_a_second_service_is_refused_while_the_first_one_lives(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    with pytest.raises(LockedError, match="cache is being worked on by process"):
        Cache(tmp_path / "cache", "other", 250)
    assert cache.find("one")
    cache.close()
    Cache(tmp_path / "cache", "other", 250)


def test_a_cache_of_a_version_without_marks_is_taken_over(cache: Cache, tmp_path: Path) -> None:
    kept(cache, "one")
    cache.close()
    (tmp_path / "cache" / MARK).unlink()
    assert Cache(tmp_path / "cache", "model", 250).find("one")

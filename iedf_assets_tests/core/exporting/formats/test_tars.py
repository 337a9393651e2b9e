import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iedf_assets.core.exporting.formats import tars

# Also names that need more than one block: of other letters, and long ones.
NAMES = st.text("abc-.0123456789", min_size=1, max_size=150).map(lambda name: f"x{name}x") | st.sampled_from(
    ("公园-00001.source.jpg", "a" * 100, "a" * 101, "a" * 100 + "/" + "b" * 50)
)
CONTENTS = st.binary(max_size=1500)


def by_tarfile(files: dict[str, bytes]) -> bytes:
    told = io.BytesIO()
    with tarfile.TarFile(fileobj=told, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return told.getvalue()


def by_us(files: dict[str, bytes]) -> bytes:
    told = io.BytesIO()
    for name, content in files.items():
        tars.add(told, name, content)
    tars.finish(told)
    return told.getvalue()


@settings(deadline=None)
@given(st.dictionaries(NAMES, CONTENTS, max_size=6))
def test_a_tar_is_byte_for_byte_what_tarfile_writes_and_is_read_as_it_reads_it(
    files: dict[str, bytes],
) -> None:
    written = by_us(files)
    assert written == by_tarfile(files)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.tar"
        path.write_bytes(written)
        found = [(one.name, written[one.place : one.place + one.size]) for one in tars.members(path)]
    assert found == list(files.items())


def test_a_tar_of_somebody_elses_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    path = tmp_path / "some.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(tmp_path / "a.txt", "a.txt")  # with a time and an owner
    (found,) = tars.members(path)
    assert (found.name, path.read_bytes()[found.place : found.place + found.size]) == ("a.txt", b"one")


def test_a_block_that_was_changed_is_not_taken_for_a_member(tmp_path: Path) -> None:
    path = tmp_path / "some.tar"
    written = bytearray(by_us({"a.txt": b"one", "b.txt": b"two"}))
    written[1024 + 130] ^= 1
    path.write_bytes(written)
    assert [member.name for member in tars.members(path)] == ["a.txt"]


@pytest.mark.parametrize("size", [b"00000000089", b"           ", b"-0000000001"])
def test_a_size_that_is_no_number_is_damage(tmp_path: Path, size: bytes) -> None:
    path = tmp_path / "some.tar"
    written = bytearray(by_us({"a.txt": b"one"}))
    written[124:135] = size
    path.write_bytes(written)
    with pytest.raises(tarfile.TarError):
        list(tars.members(path))

import struct

import pytest

from iedf_assets.core.pictures.containers import orientation
from iedf_assets.core.pictures.formats.tiff import entries_of


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize(("kind", "form"), [(1, "B"), (3, "H"), (4, "I"), (8, "h"), (9, "i")])
def test_an_orientation_counts_in_every_type_and_order(order: str, kind: int, form: str) -> None:
    sign = ">" if order == "MM" else "<"
    value = struct.pack(sign + form, 6).ljust(4, b"\0")
    entry = struct.pack(sign + "HHI", 0x0112, kind, 1) + value
    block = order.encode() + struct.pack(sign + "HIH", 42, 8, 1) + entry + bytes(4)
    assert orientation(b"Exif\0\0" + block) == 6
    assert orientation(block) == 6


def test_a_directory_beyond_the_end_has_no_entries() -> None:
    assert list(entries_of(b"II*\0\xff\xff\0\0")) == []
    assert list(entries_of(b"II*\0\x08\0\0\0\x05\0", 400)) == []

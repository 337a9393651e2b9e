import io
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage import data

from iedf_assets.core import reasons
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pictures import photos
from iedf_assets.core.pictures.containers import orientation, take_apart
from iedf_assets.core.pictures.photos import Photo, read_photo, working_size
from iedf_assets.core.storage.files import content_hash
from iedf_assets_tests.helpers.bad_inputs import bomb_png, encoded, png_chunk, wrong_crc

KNOWN_REASONS = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
SAMPLE = Image.fromarray(np.ascontiguousarray(data.astronaut()[20:110, 170:290]))
ENCODINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "GIF": {}, "BMP": {},
    "AVIF": {},
}  # fmt: skip
FILES = [encoded(SAMPLE, name, **options) for name, options in ENCODINGS.items()] + [
    encoded(SAMPLE, "JPEG", progressive=True),
    encoded(SAMPLE, "TIFF", compression="tiff_lzw"),
    encoded(SAMPLE, "TIFF", compression="tiff_deflate"),
    encoded(SAMPLE.convert("P"), "PNG"),
]
anywhere = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, content: bytes, **options: Any) -> Photo:
    path.write_bytes(content)
    return read_photo(path, **{"max_pixels": 1_000_000, "max_megapixels": 16.0, **options})


def reason_of(path: Path, content: bytes, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(path, content, **options)
    return caught.value.reason


def read_or_refuse(path: Path, content: bytes) -> None:
    try:
        photo = read(path, content)
    except SourceError as error:
        assert error.reason in KNOWN_REASONS  # noqa: PT017  # either outcome is fine, any other error is not
    else:
        assert photo.rgb.dtype == np.uint8
        assert photo.rgb.shape[2:] == (3,)


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_format_is_read_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    content = encoded(SAMPLE, name, **ENCODINGS[name])
    photo = read(tmp_path / "photo.txt", content)
    assert (photo.format, photo.bytes, photo.source_id) == (name, len(content), content_hash(content))
    assert (photo.original_width, photo.original_height) == SAMPLE.size
    assert photo.mode == ("P" if name == "GIF" else "RGB")
    assert np.abs(photo.rgb.astype(int) - np.asarray(SAMPLE)).mean() < 6
    if name in {"PNG", "WEBP", "TIFF", "BMP"}:
        assert np.array_equal(photo.rgb, np.asarray(SAMPLE))


def test_a_jpeg_is_decoded_as_pillow_does(tmp_path: Path) -> None:
    content = encoded(data.coffee(), "JPEG", quality=85, exif=b"Exif\0\0junk", comment=b"kept out")
    with Image.open(io.BytesIO(content)) as picture:
        assert np.array_equal(read(tmp_path / "a", content).rgb, np.asarray(picture))


def test_pixels_are_read_only(tmp_path: Path) -> None:
    for content in FILES:
        with pytest.raises(ValueError, match="read-only"):
            read(tmp_path / "a", content).rgb[0, 0] = 0


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_photos_stand_upright(turn: int, name: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    content = encoded(SAMPLE, name, exif=exif.tobytes() if name != "TIFF" else exif)
    photo = read(tmp_path / "a", content)
    with Image.open(io.BytesIO(content)) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    assert np.array_equal(photo.rgb, upright)
    assert (photo.original_width, photo.original_height) == (upright.shape[1], upright.shape[0])


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_the_orientation_is_found_in_either_byte_order(prefix: bytes) -> None:
    for mark, order in ((b"II*\0", "<"), (b"MM\0*", ">")):
        entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, 8, 0)
        block = mark + struct.pack(order + "IH", 8, 1) + entry
        assert orientation(prefix + block) == 8


@given(st.binary(max_size=200))
def test_a_broken_exif_block_means_upright(block: bytes) -> None:
    assert 1 <= orientation(b"II*\0" + block) <= 8


def test_of_an_animation_the_first_picture_counts(tmp_path: Path) -> None:
    later = SAMPLE.rotate(180)
    for name in ("GIF", "WEBP", "PNG", "AVIF"):
        content = encoded(SAMPLE, name, save_all=True, append_images=[later, later])
        photo = read(tmp_path / "a", content)
        assert np.abs(photo.rgb.astype(int) - np.asarray(SAMPLE)).mean() < 8


@given(width=st.integers(1, 60_000), height=st.integers(1, 60_000), megapixels=st.floats(0.01, 100))
def test_the_working_size_is_within_bounds_and_keeps_the_shape(
    width: int, height: int, megapixels: float
) -> None:
    smaller, lower = working_size(width, height, megapixels)
    if width * height <= megapixels * 1e6:
        assert (smaller, lower) == (width, height)
        return
    assert smaller * lower <= megapixels * 1e6 or 1 in {smaller, lower}
    factor = (megapixels * 1e6 / (width * height)) ** 0.5
    assert abs(smaller - width * factor) <= 1 + 1e-6
    assert abs(lower - height * factor) <= 1 + 1e-6


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
@pytest.mark.parametrize("megapixels", [0.15, 0.05, 0.01])
def test_a_large_photo_is_scaled_down_by_area(name: str, megapixels: float, tmp_path: Path) -> None:
    whole = np.ascontiguousarray(data.astronaut())
    photo = read(tmp_path / "a", encoded(whole, name, **ENCODINGS[name]), max_megapixels=megapixels)
    size = working_size(512, 512, megapixels)
    assert photo.rgb.shape[:2] == size[::-1]
    assert (photo.original_width, photo.original_height) == (512, 512)
    wanted = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    assert np.abs(photo.rgb.astype(int) - wanted).mean() < (3 if name == "JPEG" else 0.01)


def test_a_huge_picture_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    limit = 200_000_000
    assert reason_of(tmp_path / "a", bomb_png(20_000, 10_001), max_pixels=limit) == "too_large"
    assert reason_of(tmp_path / "a", encoded(SAMPLE, "WEBP"), max_pixels=90 * 120 - 1) == "too_large"


def test_pillows_own_bound_does_not_interfere(tmp_path: Path) -> None:
    # 180 MP, beyond what Pillow takes for an attack by default; cut short, so that nothing is decoded.
    content = encoded(Image.new("1", (8, 8)), "TIFF")
    for tag, size in ((256, 18_000), (257, 10_000)):
        at = content.index(struct.pack("<HH", tag, 4))
        content = content[:at] + struct.pack("<HHII", tag, 4, 1, size) + content[at + 12 :]
    assert reason_of(tmp_path / "a", content, max_pixels=180_000_000) == "truncated"
    assert reason_of(tmp_path / "a", content, max_pixels=179_999_999) == "too_large"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(photos.MAX_FILE_BYTES + 1)
    with pytest.raises(SourceError) as caught:
        read_photo(path, max_pixels=10**6, max_megapixels=1)
    assert caught.value.reason == "too_large"


def test_every_jpeg_and_png_cut_short_is_truncated(tmp_path: Path) -> None:
    for content in FILES[:2]:
        for cut in [*range(20, 700, 7), *range(700, len(content), 211), len(content) - 1]:
            assert reason_of(tmp_path / "a", content[:cut]) == "truncated"


@pytest.mark.parametrize("content", FILES, ids=lambda content: content[:4].hex())
def test_a_file_cut_anywhere_is_never_a_photo(content: bytes, tmp_path: Path) -> None:
    for tenth in range(10):
        assert reason_of(tmp_path / "a", content[: len(content) * tenth // 10]) in KNOWN_REASONS


def test_a_flipped_bit_in_a_png_is_corrupted(tmp_path: Path) -> None:
    content = bytearray(encoded(SAMPLE, "PNG"))
    for at in range(60, len(content) - 20, 997):
        content[at] ^= 4
        assert reason_of(tmp_path / "a", bytes(content)) == "corrupted"
        content[at] ^= 4


def test_a_wrong_checksum_alone_is_corrupted(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "a", wrong_crc(encoded(SAMPLE, "PNG"))) == "corrupted"


def test_a_byte_too_many_between_scans_is_corrupted(tmp_path: Path) -> None:
    content = encoded(SAMPLE, "JPEG", progressive=True)
    table = content.index(b"\xff\xc4", content.index(b"\xff\xda"))
    end = table + 2 + int.from_bytes(content[table + 2 : table + 4], "big")
    assert reason_of(tmp_path / "a", content[:end] + b"\x12" + content[end:]) == "corrupted"


def test_a_profile_in_pieces_is_put_together_in_their_order() -> None:
    profile = np.random.default_rng(2).bytes(150_000)
    content = encoded(SAMPLE, "JPEG", icc_profile=profile)
    assert take_apart(content).icc == profile
    begin = content.index(b"\xff\xe2")
    second = begin + 2 + int.from_bytes(content[begin + 2 : begin + 4], "big")
    third = second + 2 + int.from_bytes(content[second + 2 : second + 4], "big")
    exchanged = content[:begin] + content[second:third] + content[begin:second] + content[third:]
    assert take_apart(exchanged).icc == profile


def test_garbage_inside_a_jpeg_is_corrupted(tmp_path: Path) -> None:
    content = encoded(data.coffee(), "JPEG", quality=90)
    noise = np.random.default_rng(1).bytes(1500)
    for at in range(5000, len(content) - 4000, 9000):
        assert reason_of(tmp_path / "a", content[:at] + noise + content[at + 1500 :]) == "corrupted"


def test_restart_markers_and_later_scans_are_no_damage(tmp_path: Path) -> None:
    for options in ({"restart_marker_rows": 1}, {"progressive": True}, {"subsampling": 0, "optimize": True}):
        read(tmp_path / "a", encoded(data.coffee(), "JPEG", **options))


def test_text_too_large_for_pillow_spoils_no_png(tmp_path: Path) -> None:
    content = encoded(SAMPLE, "PNG")
    text = png_chunk(b"zTXt", b"bomb\0\0" + zlib.compress(bytes(80 << 20)))
    photo = read(tmp_path / "a", content[:33] + text + content[33:])
    assert np.array_equal(photo.rgb, np.asarray(SAMPLE))


def test_hundreds_of_profiles_that_inflate_to_much_are_not_all_inflated(tmp_path: Path) -> None:
    content = encoded(SAMPLE, "PNG")
    profile = png_chunk(b"iCCP", b"large\0\0" + zlib.compress(bytes(16 << 20)))
    begun = time.process_time()
    photo = read(tmp_path / "a", content[:33] + 400 * profile + content[33:])
    assert time.process_time() - begun < 3  # one takes 0.04 s
    assert photo.rgb.shape == (90, 120, 3)


def test_a_file_that_is_not_the_scanned_one_is_refused(tmp_path: Path) -> None:
    assert read(tmp_path / "a", FILES[0], expected_id=content_hash(FILES[0])).format == "JPEG"
    assert reason_of(tmp_path / "a", FILES[1], expected_id=content_hash(FILES[0])) == "changed_since_scan"


@pytest.mark.parametrize(
    "change", [lambda path: path.write_bytes(b"new"), lambda path: os.utime(path, (1, 1))]
)
def test_a_file_written_while_it_is_read_is_refused(
    change: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(FILES[0])
    calls, fstat = [], os.fstat

    def changing(descriptor: int) -> os.stat_result:
        calls.append(descriptor)
        if len(calls) == 2:
            change(path)
        return fstat(descriptor)

    monkeypatch.setattr("os.fstat", changing)
    with pytest.raises(SourceError) as caught:
        read_photo(path, max_pixels=10**6, max_megapixels=1)
    assert caught.value.reason == "changed_while_reading"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/null")):
        with pytest.raises(SourceError) as caught:
            read_photo(path, max_pixels=10**6, max_megapixels=1)
        assert caught.value.reason in {"unreadable", "read_error"}


def test_what_the_disk_refuses_is_no_fault_of_the_picture(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", Path("\0"), tmp_path / ("long" * 100)):
        with pytest.raises(SourceError) as caught:
            read_photo(path, max_pixels=10**6, max_megapixels=1)
        assert caught.value.reason == "read_error"


@pytest.mark.parametrize(
    "error", [MemoryError(), struct.error(), IndexError(), AssertionError(), RuntimeError()]
)
def test_whatever_a_decoder_raises_is_the_photos_reason(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setitem(photos._DECODERS, "JPEG", fail)
    expected = "out_of_memory" if isinstance(error, MemoryError) else "corrupted"
    assert reason_of(tmp_path / "a", FILES[0]) == expected


@anywhere
@given(st.binary(max_size=400), st.sampled_from([b"", *(content[:30] for content in FILES)]))
def test_arbitrary_bytes_give_a_reason(tmp_path: Path, content: bytes, prefix: bytes) -> None:
    read_or_refuse(tmp_path / "a", prefix + content)


@settings(anywhere, max_examples=300)
@given(
    content=st.sampled_from(FILES),
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8)), max_size=4),
)
def test_damaged_files_give_a_photo_or_a_reason(
    tmp_path: Path, content: bytes, edits: list[tuple[float, bytes]]
) -> None:
    for place, patch in edits:
        # Damage falls as often into the first 200 bytes, where the headers are, as into all the rest.
        at = int(place * 400) if place < 0.5 else int((place - 0.5) * 2 * len(content))
        content = content[:at] + patch + content[at + len(patch) :]
    read_or_refuse(tmp_path / "a", content)


def test_heic_is_read_by_its_content_upright_and_in_srgb(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    rgb = np.ascontiguousarray(data.coffee()[::2, ::2])
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = pillow_heif.from_pillow(Image.fromarray(rgb))
    path = tmp_path / "photo.jpg"
    picture.save(path, quality=95, exif=exif.tobytes(), format="HEIF")
    photo = read_photo(path, max_pixels=10**7, max_megapixels=10)
    assert photo.format == "HEIF"
    assert (photo.original_width, photo.original_height) in {(200, 300), (300, 200)}
    upright = (
        photo.rgb if photo.rgb.shape == rgb.shape else cv2.rotate(photo.rgb, cv2.ROTATE_90_COUNTERCLOCKWISE)
    )
    assert np.abs(upright.astype(int) - rgb).mean() < 6


def test_a_side_longer_than_any_jpeg_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "line.png"
    path.write_bytes(bomb_png(200_000_000, 1))
    with pytest.raises(SourceError, match="a side of more than") as caught:
        read_photo(path, max_pixels=200_000_000, max_megapixels=10)
    assert caught.value.reason == "too_large"


def wide_tiff(**how: Any) -> bytes:
    """The sample with 16 bits a channel."""
    file, picture = io.BytesIO(), np.asarray(SAMPLE).astype(np.uint16) * 257
    planes = how.get("planarconfig") == "separate"
    tifffile.imwrite(file, np.moveaxis(picture, -1, 0) if planes else picture, photometric="rgb", **how)
    return file.getvalue()


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_tiff_of_16_bits_is_read_as_it_is_or_not_at_all(
    tmp_path: Path, compression: str | None, planes: str
) -> None:
    content = wide_tiff(compression=compression, planarconfig=planes)
    if compression is None and planes == "separate":
        assert reason_of(tmp_path / "a", content) == "unreadable"
    else:
        assert np.array_equal(read(tmp_path / "a", content).rgb, np.asarray(SAMPLE))


def test_grey_of_16_bits_is_no_negative_whichever_end_is_white(tmp_path: Path) -> None:
    grey = np.asarray(SAMPLE.convert("L"))
    for photometric, values in (("minisblack", grey), ("miniswhite", 255 - grey)):
        file = io.BytesIO()
        tifffile.imwrite(file, values.astype(np.uint16) * 257, photometric=photometric)
        assert np.array_equal(read(tmp_path / "a", file.getvalue()).rgb[..., 0], grey)

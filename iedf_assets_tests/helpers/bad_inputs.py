"""A folder of bad and odd inputs, each made from a real photo, with the reason that it must end with."""

import io
import os
import shutil
import socket
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from iedf_assets.core import reasons
from iedf_assets.core.arrays import Pixels

ACCEPTED = "accepted"
Entry = tuple[str, bytes]
"""What a file must end with (a reason, or `accepted`), and its bytes."""

_WINDOW = 176


def photos() -> Iterator[Pixels]:
    """Pieces of real colour photos, (176, 176, 3), no two of them alike."""
    motorcycle = data.stereo_motorcycle()[0]
    for photo in (data.coffee(), data.astronaut(), data.hubble_deep_field(), data.chelsea(), motorcycle):
        for top in range(0, photo.shape[0] - _WINDOW + 1, 120):
            for left in range(0, photo.shape[1] - _WINDOW + 1, 120):
                yield np.ascontiguousarray(photo[top : top + _WINDOW, left : left + _WINDOW])


def encoded(rgb: NDArray[Any] | Image.Image, file_format: str, **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    picture = rgb if isinstance(rgb, Image.Image) else Image.fromarray(rgb)
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb_png(width: int, height: int) -> bytes:
    """A small PNG that declares a huge size."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + header + body + png_chunk(b"IEND", b"")


def wrong_crc(png: bytes) -> bytes:
    """The PNG with one bit of its first data chunk's checksum flipped, which Pillow does not look at."""
    at = png.index(b"IDAT")
    checksum = at + 4 + int.from_bytes(png[at - 4 : at], "big")
    return png[:checksum] + bytes([png[checksum] ^ 1]) + png[checksum + 1 :]


def make_bad_inputs(folder: Path) -> dict[str, str]:
    """Fill a category's folder, which lies in a data folder; no file there is a valid picture beforehand.

    Returns:
        The NFC path of each file relative to `folder`, with the reason of its row, or `accepted`.
    """
    pieces = photos()
    entries = {
        **_foreign(),
        **_cut(next(pieces)),
        **_damaged(next(pieces)),
        **_huge(),
        **_filtered(next(pieces)),
        **_alike(next(pieces)),
        **_odd_pixels(pieces),
        **_odd_metadata(pieces),
        **_odd_names(pieces),
    }
    for name, (_, content) in entries.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    expected = {name: outcome for name, (outcome, _) in entries.items()} | _special(folder)
    spelt_apart = unicodedata.normalize("NFD", "ünïcode.jpg")
    (folder / spelt_apart).write_bytes(encoded(next(pieces), "JPEG", quality=92))
    return expected | {"ünïcode.jpg": ACCEPTED}


def _foreign() -> dict[str, Entry]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("photo.jpg", b"not a photo")
    noise = np.random.default_rng(7).bytes(5000)
    contents = {
        "empty.jpg": b"",
        "zeros.jpg": bytes(4096),
        "text.jpg": b"this is no photo\n",
        "page.jpg": b"<!DOCTYPE html><html><body>404 not found</body></html>",
        "archive.jpg": archive.getvalue(),
        "random.png": noise,
        "notes.txt": "写真のメモ\n".encode(),
        ".DS_Store": b"\0\0\0\1Bud1" + noise[:2000],
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise[:2000],
        "video.mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + noise,
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + noise,
        "sound.webp": b"RIFF" + struct.pack("<I", 4996) + b"WAVEfmt " + noise[:4988],
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>',
        "paper.pdf": b"%PDF-1.7\n" + noise,
    }
    hidden = {".DS_Store", "Thumbs.db"}
    return {
        name: (reasons.HIDDEN if name in hidden else reasons.UNREADABLE, content)
        for name, content in contents.items()
    }


def _cut(rgb: Pixels) -> dict[str, Entry]:
    jpeg, png = encoded(rgb, "JPEG", quality=92), encoded(rgb, "PNG")
    progressive, gif = encoded(rgb, "JPEG", progressive=True), encoded(rgb, "GIF")
    webp, avif, bmp = encoded(rgb, "WEBP"), encoded(rgb, "AVIF"), encoded(rgb, "BMP")
    tiff, lzw = encoded(rgb, "TIFF"), encoded(rgb, "TIFF", compression="tiff_lzw")
    contents = {
        "cut_in_header.jpg": jpeg[:200],
        "cut_in_half.jpg": jpeg[: len(jpeg) // 2],
        "cut_at_last_byte.jpg": jpeg[:-1],
        "cut_between_scans.jpg": progressive[: progressive.rindex(b"\xff\xda")],
        "cut_in_header.png": png[:30],
        "cut_in_half.png": png[: len(png) // 2],
        "cut_before_end.png": png[:-12],
        "cut.webp": webp[: len(webp) // 2],
        "cut.gif": gif[: len(gif) // 2],
        "cut.bmp": bmp[: len(bmp) // 2],
        "cut.avif": avif[:-40],
        "cut.tiff": tiff[: len(tiff) // 2],
        "cut_lzw.tiff": lzw[: len(lzw) // 2],
    }
    return {name: (reasons.TRUNCATED, content) for name, content in contents.items()}


def _damaged(rgb: Pixels) -> dict[str, Entry]:
    jpeg, png = encoded(rgb, "JPEG", quality=92), encoded(rgb, "PNG")
    noise = np.random.default_rng(8).bytes(2000)
    middle = len(jpeg) // 2
    return {
        "garbage_in_middle.jpg": (reasons.CORRUPTED, jpeg[:middle] + noise + jpeg[middle + 2000 :]),
        "wrong_crc.png": (reasons.CORRUPTED, wrong_crc(png)),
        "no_scan.jpg": (reasons.CORRUPTED, jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9"),
        "float.tiff": (reasons.UNREADABLE, encoded(Image.fromarray(rgb[..., 0].astype(np.float32)), "TIFF")),
    }


def _huge() -> dict[str, Entry]:
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
    return {
        "bomb.png": (reasons.TOO_LARGE, bomb_png(20_000, 20_000)),
        "bomb.gif": (reasons.TOO_LARGE, gif),
    }


def _filtered(rgb: Pixels) -> dict[str, Entry]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    framed = cv2.copyMakeBorder(rgb, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=(200, 30, 60))
    return {
        "one_pixel.png": (reasons.RESOLUTION_TOO_SMALL, encoded(rgb[:1, :1], "PNG")),
        "thin.jpg": (reasons.RESOLUTION_TOO_SMALL, encoded(cv2.resize(rgb, (3000, 10)), "JPEG")),
        "small.jpg": (reasons.RESOLUTION_TOO_SMALL, encoded(rgb[:127], "JPEG")),
        "grey.jpg": (reasons.GRAYSCALE, encoded(grey, "JPEG")),
        "grey_16_bits.png": (
            reasons.GRAYSCALE,
            encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
        ),
        "grey_in_rgb.png": (reasons.GRAYSCALE, encoded(np.dstack([grey] * 3), "PNG")),
        "black_and_white.png": (reasons.GRAYSCALE, encoded(Image.fromarray(grey).convert("1"), "PNG")),
        "plain.png": (reasons.GRAYSCALE, encoded(np.full((200, 200, 3), 255, np.uint8), "PNG")),
        "framed.png": (reasons.UNIFORM_BORDER, encoded(framed, "PNG")),
    }


def _alike(rgb: Pixels) -> dict[str, Entry]:
    original = encoded(rgb, "PNG")
    larger = cv2.resize(rgb, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    return {
        "a/original.png": (reasons.NEAR_DUPLICATE, original),
        "b/copy.png": (reasons.NEAR_DUPLICATE, original),
        "b/larger.jpg": (ACCEPTED, encoded(larger, "JPEG", quality=90)),
        "c/copy of the larger one.jpg": (reasons.DUPLICATE, encoded(larger, "JPEG", quality=90)),
        "b/poorer.jpg": (reasons.NEAR_DUPLICATE, encoded(rgb, "JPEG", quality=50)),
        "b/other_format.webp": (reasons.NEAR_DUPLICATE, encoded(rgb, "WEBP", quality=80)),
    }


def _odd_pixels(pieces: Iterator[Pixels]) -> dict[str, Entry]:
    deep = next(pieces)[..., ::-1].astype(np.uint16) * 257
    clear = np.dstack([next(pieces), np.full((_WINDOW, _WINDOW), 250, np.uint8)])
    moving = [Image.fromarray(next(pieces)) for _ in range(2)]
    also_moving = [Image.fromarray(next(pieces)) for _ in range(2)]
    contents = {
        "really_png.jpg": encoded(next(pieces), "PNG"),
        "no_extension": encoded(next(pieces), "JPEG", quality=92),
        "cmyk.jpg": encoded(Image.fromarray(next(pieces)).convert("CMYK"), "JPEG", quality=95),
        "lab.tiff": encoded(Image.fromarray(next(pieces)).convert("LAB"), "TIFF"),
        "16_bits.png": cv2.imencode(".png", deep)[1].tobytes(),
        "palette.png": encoded(
            Image.fromarray(next(pieces)).convert("P", palette=Image.Palette.ADAPTIVE), "PNG"
        ),
        "transparent.png": encoded(clear, "PNG"),
        "moving.gif": encoded(moving[0], "GIF", save_all=True, append_images=moving[1:], duration=100),
        "moving.webp": encoded(also_moving[0], "WEBP", save_all=True, append_images=also_moving[1:]),
        "modern.avif": encoded(next(pieces), "AVIF", quality=85),
        "progressive.jpg": encoded(next(pieces), "JPEG", progressive=True, quality=92),
    }
    return {name: (ACCEPTED, content) for name, content in contents.items()}


def _odd_metadata(pieces: Iterator[Pixels]) -> dict[str, Entry]:
    turned = Image.Exif()
    turned[0x0112] = 6
    noise = np.random.default_rng(9).bytes(300)
    jpeg = encoded(next(pieces), "JPEG", quality=92)
    contents = {
        "turned.jpg": encoded(next(pieces), "JPEG", quality=92, exif=turned.tobytes()),
        "corrupt_exif.jpg": encoded(
            next(pieces), "JPEG", quality=92, exif=b"Exif\0\0II*\0\x08\0\0\0" + noise
        ),
        "corrupt_profile.jpg": encoded(next(pieces), "JPEG", quality=92, icc_profile=noise),
        "corrupt_profile.png": encoded(next(pieces), "PNG", icc_profile=noise),
        "more_after_the_end.jpg": jpeg + noise,
    }
    return {name: (ACCEPTED, content) for name, content in contents.items()}


def _odd_names(pieces: Iterator[Pixels]) -> dict[str, Entry]:
    names = (
        "with spaces (1).jpg",
        "😀 笑顔.jpg",
        "0004_图片_129/0004_图片_129.png",
        ".hidden.jpg",
        "a'b\"c$(d);e.jpg",
    )
    return {
        name: (
            reasons.HIDDEN if name.startswith(".") else ACCEPTED,
            encoded(next(pieces), "JPEG", quality=92),
        )
        for name in names
    }


def _special(folder: Path) -> dict[str, str]:
    """Links, pipes and the like: what they are is their problem, so that none is ever opened."""
    elsewhere = Path(__file__).resolve()
    (folder / "outside.jpg").symlink_to(elsewhere)
    (folder / "outside_folder").symlink_to(elsewhere.parent)
    (folder / "broken.jpg").symlink_to("nowhere.jpg")
    (folder / "circle.jpg").symlink_to("circle.jpg")
    (folder / "folder_link").symlink_to("a")
    os.mkfifo(folder / "pipe.jpg")
    expected = {"outside.jpg": reasons.SYMLINK_OUTSIDE, "outside_folder": reasons.SYMLINK_OUTSIDE}
    for name in ("broken.jpg", "circle.jpg", "folder_link", "pipe.jpg"):
        expected[name] = reasons.UNREADABLE
    if os.geteuid():
        locked = folder / "locked.jpg"
        shutil.copyfile(folder / "no_extension", locked)
        locked.chmod(0)
        expected["locked.jpg"] = reasons.READ_ERROR
    return expected | _socket(folder)


def _socket(folder: Path) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX) as opened:
        try:
            opened.bind(str(folder / "socket.jpg"))
        except OSError:  # the path is too long for a socket's address
            return {}
    return {"socket.jpg": reasons.UNREADABLE}

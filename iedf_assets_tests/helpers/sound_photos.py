"""Sound photo files in every form that is read, made by several programs: none of them may be refused."""

import io
import random
from collections.abc import Callable, Iterator
from typing import Any, Literal

import cv2
import numpy as np
import pillow_heif
import tifffile
from PIL import Image
from skimage import data

from iedf_assets.core.arrays import Pixels

_PHOTOS = ("astronaut", "coffee", "chelsea", "rocket", "hubble_deep_field", "immunohistochemistry", "retina")
_QUALITIES = (1, 20, 50, 75, 90, 95, 100)
Made = tuple[str, bytes]


def sound_photos(count: int, seed: int) -> Iterator[Made]:
    """So many (name, file), the same ones for the same seed: each maker in turn, with chances of its own."""
    chance = random.Random(seed)
    for number in range(count):
        make = _MAKERS[number % len(_MAKERS)]
        told, file = make(_crop(chance), chance)
        yield f"{number:04d}-{told}", file


def _crop(chance: random.Random) -> Pixels:
    photo: Pixels = getattr(data, chance.choice(_PHOTOS))()
    height, width = photo.shape[:2]
    sides = chance.randint(20, min(height, 600)), chance.randint(20, min(width, 700))
    top, left = chance.randint(0, height - sides[0]), chance.randint(0, width - sides[1])
    crop: Pixels = np.ascontiguousarray(photo[top : top + sides[0], left : left + sides[1], :3])
    return crop


def _saved(picture: Image.Image, kind: str, **options: Any) -> Made:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    told = "-".join(f"{name}={value}" for name, value in options.items() if name != "append_images")
    return f"{kind}-{picture.mode}-{told}", buffer.getvalue()


def _with_alpha(rgb: Pixels) -> Image.Image:
    height, width = rgb.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    alpha = np.clip((rows + columns) * 255 // (height + width), 0, 255)
    return Image.fromarray(np.dstack([rgb, alpha.astype(np.uint8)]))


def _films(rgb: Pixels) -> dict[str, Any]:
    return {"save_all": True, "append_images": [Image.fromarray(255 - rgb), Image.fromarray(rgb[:, ::-1])]}


def _jpeg(rgb: Pixels, chance: random.Random) -> Made:
    picture = Image.fromarray(rgb).convert(chance.choice(("RGB", "RGB", "L", "CMYK")))
    return _saved(
        picture, "JPEG", quality=chance.choice(_QUALITIES), subsampling=chance.choice((0, 1, 2)),
        progressive=chance.random() < 0.5, optimize=chance.random() < 0.5,
        restart_marker_rows=chance.choice((0, 1, 4)),
    )  # fmt: skip


def _by_opencv(rgb: Pixels, chance: random.Random) -> Made:
    ending = chance.choice((".jpg", ".webp", ".tiff", ".bmp", ".png", ".avif"))
    deep = chance.random() < 0.5 and ending in {".tiff", ".png"}
    picture = rgb.astype(np.uint16) * 257 if deep else rgb
    if ending == ".tiff":
        options = [cv2.IMWRITE_TIFF_COMPRESSION, chance.choice((1, 5, 8, 32773))]
        options += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, chance.choice((1, 16, 1000))]
    else:
        options = []
    return f"opencv-{deep}-{options}{ending}", cv2.imencode(ending, picture[..., ::-1], options)[1].tobytes()


def _png(rgb: Pixels, chance: random.Random) -> Made:
    picture = chance.choice((Image.fromarray(rgb), _with_alpha(rgb), Image.fromarray(rgb).quantize(200)))
    return _saved(picture, "PNG", optimize=chance.random() < 0.5)


def _webp(rgb: Pixels, chance: random.Random) -> Made:
    picture = chance.choice((Image.fromarray(rgb), _with_alpha(rgb)))
    film = _films(rgb) if chance.random() < 0.2 and picture.mode == "RGB" else {}
    return _saved(
        picture, "WEBP", quality=chance.choice(_QUALITIES), lossless=False, method=chance.randrange(7),
        alpha_quality=chance.choice((10, 100)), **film,
    )  # fmt: skip


def _lossless_webp(rgb: Pixels, chance: random.Random) -> Made:
    picture = chance.choice((Image.fromarray(rgb), _with_alpha(rgb)))
    film = _films(rgb) if chance.random() < 0.2 and picture.mode == "RGB" else {}
    quality, method = chance.choice((0, 50, 80, 100)), chance.randrange(7)
    return _saved(picture, "WEBP", lossless=True, quality=quality, method=method, **film)


def _tiff(rgb: Pixels, chance: random.Random) -> Made:
    compression = chance.choice((None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg"))
    mode = chance.choice(("RGB", "L", "RGB", "P", "RGBA") if compression != "jpeg" else ("RGB", "L"))
    info = (
        {278: chance.choice((1, 7, 64))}
        if compression not in {None, "jpeg"} and chance.random() < 0.5
        else {}
    )
    film = _films(rgb) if chance.random() < 0.2 and mode == "RGB" else {}
    return _saved(Image.fromarray(rgb).convert(mode), "TIFF", compression=compression, tiffinfo=info, **film)


def _by_tifffile(rgb: Pixels, chance: random.Random) -> Made:
    deep, planes = chance.random() < 0.3, chance.random() < 0.3
    pixels = rgb.astype(np.uint16) * 257 if deep else rgb
    pixels = np.moveaxis(pixels, 2, 0) if planes else pixels
    # Planes of 16 bits are read only when they are compressed.
    compression = chance.choice((None, "zlib")) if not (deep and planes) else chance.choice(("zlib", "zlib"))
    options: dict[str, Any] = {
        "photometric": "rgb", "planarconfig": "separate" if planes else "contig", "compression": compression,
        "tile": chance.choice((None, (64, 64), (128, 32))), "rowsperstrip": chance.choice((None, 1, 33)),
        "predictor": 2 if compression and chance.random() < 0.5 else None,
    }  # fmt: skip
    order: Literal["<", ">"] = "<" if chance.random() < 0.5 else ">"
    buffer = io.BytesIO()
    with tifffile.TiffWriter(
        buffer, byteorder=order, bigtiff=order == "<" and chance.random() < 0.2
    ) as writer:
        for _ in range(chance.choice((1, 1, 2))):
            writer.write(pixels, **options)
    return f"tifffile-{deep}-{order}-{options}", buffer.getvalue()


def _gif(rgb: Pixels, chance: random.Random) -> Made:
    picture = Image.fromarray(rgb).quantize(chance.choice((2, 16, 255, 256)))
    film = _films(rgb) if chance.random() < 0.3 else {}
    return _saved(picture, "GIF", interlace=chance.random() < 0.5, **film)


def _bmp(rgb: Pixels, chance: random.Random) -> Made:
    return _saved(Image.fromarray(rgb).convert(chance.choice(("RGB", "L", "P", "1"))), "BMP")


def _avif(rgb: Pixels, chance: random.Random) -> Made:
    picture = chance.choice((Image.fromarray(rgb), _with_alpha(rgb)))
    film = _films(rgb) if chance.random() < 0.2 and picture.mode == "RGB" else {}
    return _saved(
        picture, "AVIF", quality=chance.choice(_QUALITIES), speed=chance.choice((7, 9, 10)),
        subsampling=chance.choice(("4:2:0", "4:2:2", "4:4:4", "4:0:0")),
        tile_rows=chance.choice((0, 1)), tile_cols=chance.choice((0, 1)), autotiling=False, **film,
    )  # fmt: skip


def _heic(rgb: Pixels, chance: random.Random) -> Made:
    picture = chance.choice((Image.fromarray(rgb), _with_alpha(rgb), Image.fromarray(rgb).convert("L")))
    heif, buffer = pillow_heif.from_pillow(picture), io.BytesIO()
    quality, tile = chance.choice((10, 50, 80, 95)), chance.choice((0, 64, 128))
    # As telephones do, beside the picture a small one.
    small: list[int] = chance.choice(([], [64], [160]))
    info: dict[str, Any] = heif[0].info
    info["thumbnails"] = small
    heif.save(buffer, quality=quality, tile_size=tile)
    return f"HEIC-{picture.mode}-{quality}-{tile}-{small}", buffer.getvalue()


_MAKERS: tuple[Callable[[Pixels, random.Random], Made], ...] = (
    _jpeg, _by_opencv, _png, _webp, _lossless_webp, _tiff, _by_tifffile, _gif, _bmp, _avif, _heic,
)  # fmt: skip

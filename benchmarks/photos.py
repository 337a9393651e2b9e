"""The benchmarks' photos: scikit-image's, varied and enlarged, so that no two are alike."""

from pathlib import Path

import cv2
import numpy as np
from skimage import data

from iedf_assets.core.arrays import Pixels
from iedf_assets.core.pictures.codecs import encode_jpeg

CATEGORIES = ("人物物体一致性", "物体一致性", "物理变化")
SUBJECTS = ("astronaut", "coffee", "rocket", "chelsea")


def varied(number: int, megapixels: float) -> Pixels:
    """Photo `number` of an endless series: cropped, mirrored and toned in its own way, RGB (H, W, 3)."""
    rng = np.random.default_rng(number)
    photo = getattr(data, SUBJECTS[number % len(SUBJECTS)])()
    height, width = photo.shape[:2]
    top, left = (rng.random(2) * 0.06 * np.array([height, width])).astype(int)
    photo = photo[top:, left:]
    if rng.random() < 0.5:
        photo = photo[:, ::-1]
    gains = 1 + rng.uniform(-0.08, 0.08, 3)
    photo = np.clip(photo * gains, 0, 255).astype(np.uint8)
    factor = float(np.sqrt(megapixels * 1e6 / (photo.shape[0] * photo.shape[1])))
    size = round(photo.shape[1] * factor), round(photo.shape[0] * factor)
    enlarged = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    # Enlarging leaves no fine detail; sensor noise makes decoding and encoding cost what they cost on photos.
    noisy = enlarged + rng.normal(0, 2.5, enlarged.shape)
    result: Pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return result


def put_photos(folder: Path, count: int, megapixels: float) -> int:
    """Write `count` JPEG photos over the three categories; returns their pixels in all."""
    pixels = 0
    for number in range(count):
        photo = varied(number, megapixels)
        path = folder / CATEGORIES[number % len(CATEGORIES)] / f"{number:05d}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(photo, 92))
        pixels += photo.shape[0] * photo.shape[1]
    return pixels

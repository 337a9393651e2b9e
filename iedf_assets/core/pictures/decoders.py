"""The child processes in which a run decodes photos."""

from iedf_assets.core.apart.children import Apart, shared
from iedf_assets.core.profile.schema import Profile

# What one may take: itself, and for each pixel of the largest photo (16 bits, RGBA, three times).
_BASE_BYTES, _BYTES_A_PIXEL = 3 << 30, 24


def decoders(profile: Profile) -> Apart:
    """The child processes that decode a profile's photos; all of a process use the same ones."""
    pixels = profile.sources.max_pixels
    return shared(pixels, _BASE_BYTES + _BYTES_A_PIXEL * pixels)

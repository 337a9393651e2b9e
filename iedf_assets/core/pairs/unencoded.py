"""Published pairs as they were before they were encoded: made again from the photo and the raw edit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from iedf_assets.core.apart.children import Apart
from iedf_assets.core.arrays import Pixels
from iedf_assets.core.errors import FactoryError
from iedf_assets.core.pairs.composing import ComposedRequest, composed, steps_of
from iedf_assets.core.pairs.finishing import PairRequest, edited_so_far, read_source
from iedf_assets.core.pairs.inverses import InverseRequest
from iedf_assets.core.pairs.making import asked, told


@dataclass(frozen=True)
class Remaking:
    """What a published pair is made from.

    Attributes:
        request: by which it was finished; of an inverse that of the pair that it turns round.
        is_back: source and result change places then.
    """

    request: PairRequest | ComposedRequest
    is_back: bool = False

    def told(self) -> list[Any]:
        """It as JSON can hold it; `of` is the inverse."""
        return [told(self.request), self.is_back]

    @classmethod
    def of(cls, told: Sequence[Any]) -> "Remaking":
        """From what `told` gave."""
        request, is_back = asked(told[0]), told[1]
        assert not isinstance(request, InverseRequest)
        return cls(request, is_back)


def unencoded(remaking: Remaking) -> tuple[Pixels, Pixels]:
    """Source and result of a pair before they were encoded, uint8 (H, W, 3).

    Raises:
        SourceError, StorageError, WorkerError: the photo or a staged file is not there, or not what it was.
    """
    request = remaking.request
    if isinstance(request, ComposedRequest):
        steps = steps_of(request)
        source = read_source(steps[0])
        result = composed(source, steps)[0]
    else:
        source = edited_so_far(read_source(request), [PairRequest(**turn) for turn in request.below])
        result = edited_so_far(source, [request])
    return (result, source) if remaking.is_back else (source, result)


def unencoded_apart(remaking: Remaking, apart: Apart, timeout_s: float) -> tuple[Pixels, Pixels] | None:
    """The same, made in a child process; None where it cannot be made any more."""
    with TemporaryDirectory(prefix="iedf-unencoded-") as folder:
        try:
            apart.call(f"{__name__}:put_unencoded", [*remaking.told(), folder], timeout_s)
            source, result = (np.load(path) for path in _files(folder))
        except (FactoryError, OSError):
            return None
    return source, result


def put_unencoded(wanted: list[Any]) -> None:
    """Write the two pictures into a folder; what `unencoded_apart` calls."""
    *remaking, folder = wanted
    for path, picture in zip(_files(folder), unencoded(Remaking.of(remaking)), strict=True):
        np.save(path, picture)


def _files(folder: str) -> tuple[Path, Path]:
    return Path(folder, "source.npy"), Path(folder, "result.npy")

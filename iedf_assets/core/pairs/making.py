"""Making a pair, whatever it is made of: here, or in a child process."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iedf_assets.core.apart.children import Apart
from iedf_assets.core.errors import SourceError
from iedf_assets.core.pairs.composing import ComposedRequest, compose
from iedf_assets.core.pairs.finishing import PairRequest, finish
from iedf_assets.core.pairs.inverses import InverseRequest, turn_round
from iedf_assets.core.storage.item_loop import attempt, attempted
from iedf_assets.core.storage.journal import Row

AnyPair = PairRequest | InverseRequest | ComposedRequest
_KINDS: dict[str, type[AnyPair]] = {
    kind.__name__: kind for kind in (PairRequest, InverseRequest, ComposedRequest)
}


def told(request: AnyPair) -> dict[str, Any]:
    """A request as JSON can hold it."""
    return {"kind": type(request).__name__, **asdict(request)}


def asked(told: Mapping[str, Any]) -> AnyPair:
    """The inverse of `told`."""
    return _KINDS[told["kind"]](**{name: value for name, value in told.items() if name != "kind"})


def make(request: AnyPair, folder: Path) -> Row:
    """Write a pair's files into an existing folder and measure them; as its kind says."""
    match request:
        case InverseRequest():
            return turn_round(request, folder)
        case ComposedRequest():
            return compose(request, folder)
        case _:
            return finish(request, folder)


def made_apart(request: AnyPair, apart: Apart, timeout_s: float) -> Row:
    """The row of a pair that is made in a child process, whatever becomes of it.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    begun = time.perf_counter()
    try:
        return dict(apart.call(f"{__name__}:made", told(request), timeout_s))
    except SourceError as error:
        outcome = {"status": "failed", "reason": error.reason, "detail": error.problem}
        return attempted(request, outcome, time.perf_counter() - begun)


def made(request: Mapping[str, Any]) -> Row:
    """The row of a pair, made here; what `made_apart` calls."""
    return attempt(asked(request), make)

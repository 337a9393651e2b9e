"""`/items`: a worker's own request, as a run of this factory sends it, made by the backend here."""

import asyncio
from pathlib import Path
from typing import Any

from iedf_assets.core.pictures.layers import files_of
from iedf_assets.core.storage.keys import digest
from model_envs.services.errors import ServiceError
from model_envs.services.web.packing import fingerprint, packed, unpacked
from model_envs.services.web.paths import inside, stamp
from model_envs.services.web.service import Service
from model_envs.services.web.wire import ItemAnswer, ItemRequest


async def item(service: Service, asked: ItemRequest) -> ItemAnswer:
    """Make an item of a run.

    Raises:
        ServiceError: see its codes.
    """
    wanted = dict(asked.item)
    told = [wanted, *_placed(service, asked, wanted)]
    _require_plain_names(wanted)
    told += [
        fingerprint(asked.source_b64),
        {name: fingerprint(text) for name, text in (asked.files or {}).items()},
    ]

    def prepare(work: Path) -> dict[str, Any]:
        _unpack(asked, wanted, work)
        return {"make": "item", "item": wanted}

    async with service.desk.made(asked.request_id, digest("item", told), prepare, keep=True) as made:
        files = None
        if asked.return_b64:
            files = {name: await asyncio.to_thread(packed, made.folder / name) for name in made.names}
        return ItemAnswer(
            request_id=asked.request_id, runtime=service.runtime, seconds=made.seconds,
            row=made.told["row"], names=made.names, files=files, cache_dir=str(made.folder),
        )  # fmt: skip


def _placed(service: Service, asked: ItemRequest, wanted: dict[str, Any]) -> list[Any]:
    """Have the paths of an item lie below the roots; returns what changes when their files do.

    Raises:
        ServiceError: `invalid_input`: one does not, or is none.
    """
    stamps = []
    for key, brought in (("path", asked.source_b64), ("layers_folder", asked.files)):
        if brought is None and key in wanted:
            if not isinstance(wanted[key], str) or not wanted[key]:
                raise ServiceError("invalid_input", f"item.{key} has to be a path")
            place = inside(service.settings.roots, wanted[key], f"item.{key}")
            wanted[key] = str(place)
            stamps.append(stamp(place))
    return stamps


def _unpack(asked: ItemRequest, wanted: dict[str, Any], work: Path) -> None:
    """Write the files that came along, and have the item name them.

    Raises:
        ServiceError: `invalid_input`: one is no base64.
    """
    if asked.source_b64 is not None:
        wanted["path"] = str(work / "source")
        (work / "source").write_bytes(unpacked(asked.source_b64, "source_b64"))
    if asked.files is not None:
        wanted["layers_folder"] = str(work / "layers")
        (work / "layers").mkdir()
        for name, text in asked.files.items():
            (work / "layers" / name).write_bytes(unpacked(text, f"files.{name}"))


def _require_plain_names(wanted: dict[str, Any]) -> None:
    """See that no picture of an item's object lies elsewhere.

    Raises:
        ServiceError: `invalid_input`: one does, or it is no object.
    """
    one = wanted.get("object")
    if not one:
        return
    try:
        names = files_of(one)
    except (AttributeError, KeyError, TypeError) as error:
        raise ServiceError("invalid_input", "item.object is no object of a photo") from error
    for name in names:
        if not isinstance(name, str) or name != Path(name).name or name.startswith("."):
            raise ServiceError("invalid_input", "item.object has a file whose name is no plain one")

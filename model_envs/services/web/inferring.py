"""`/infer`: a picture split or edited by the wire contract. The two differ in what they answer alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from iedf_assets.core.storage.keys import digest
from model_envs.services.desk import Made
from model_envs.services.web.packing import fingerprint, packed, unpacked
from model_envs.services.web.paths import picture_path, stamp
from model_envs.services.web.service import Service
from model_envs.services.web.wire import EditAnswer, EditRequest, Layer, LayeredAnswer, LayeredRequest

Asked = LayeredRequest | EditRequest


async def layered(service: Service, asked: LayeredRequest) -> LayeredAnswer:
    """Split a picture.

    Raises:
        ServiceError: see its codes.
    """
    async with _made(service, asked, "layers") as made:
        layers = [
            Layer(
                layer_id=number,
                **await _picture(asked, made, "rgba", f"layer_{number}.png"),
                **await _picture(asked, made, "alpha", f"alpha_{number}.png"),
            )
            for number in range(made.told["layers"])
        ]
        return LayeredAnswer(**_common(service, asked, made), layers=layers)


async def edit(service: Service, asked: EditRequest) -> EditAnswer:
    """Edit a picture.

    Raises:
        ServiceError: see its codes.
    """
    async with _made(service, asked, "edit") as made:
        picture = await _picture(asked, made, "result_image", "result.png")
        turned = made.told.get("mask_turned", False)
        return EditAnswer(**_common(service, asked, made), **picture, mask_turned=turned)


@asynccontextmanager
async def _made(service: Service, asked: Asked, make: str) -> AsyncIterator[Made]:
    """What was asked for, made; its files stay while the block runs."""
    prompt = getattr(asked, "prompt", None) or ""
    brought = {"image": asked.image_b64, "mask": getattr(asked, "mask_b64", None)}
    places = {what: _place(service, asked, what) for what in brought}
    told: list[Any] = [make, prompt]
    for what, text in brought.items():
        place = places[what]
        told.append([str(place), stamp(place)] if place else fingerprint(text))

    def prepare(work: Path) -> dict[str, Any]:
        job: dict[str, Any] = {"make": make, "prompt": prompt}
        for what, text in brought.items():
            place = places[what]
            if text is not None:
                place = work / what
                place.write_bytes(unpacked(text, f"{what}_b64"))
            job[what] = str(place) if place else None
        return job

    key = digest("infer", told)
    async with service.desk.made(asked.request_id, key, prepare, keep=asked.save_cache) as made:
        yield made


def _place(service: Service, asked: Asked, what: str) -> Path | None:
    """Where a picture lies that a request names; None when it names none."""
    path = getattr(asked, f"{what}_path", None)
    return picture_path(service.settings.roots, path, f"{what}_path") if path else None


async def _picture(asked: Asked, made: Made, field: str, name: str) -> dict[str, Any]:
    """One picture of an answer, in the forms that were asked for."""
    path = made.folder / name
    return {
        f"{field}_b64": await asyncio.to_thread(packed, path) if asked.return_b64 else None,
        f"{field}_path": str(path) if asked.save_cache else None,
    }


def _common(service: Service, asked: Asked, made: Made) -> dict[str, Any]:
    return {
        "request_id": asked.request_id,
        "runtime": service.runtime,
        "seconds": made.seconds,
        "width": made.told["width"],
        "height": made.told["height"],
        "cache_dir": str(made.folder) if asked.save_cache else None,
        "orientation": made.told.get("orientation", 1),
    }

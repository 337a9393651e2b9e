"""The wire contract: what the services take and answer, as models; `docs/api.md` is generated from them.

`/infer` is the contract that the clients of other factories speak. `/items` is what a run of this one sends:
the worker's own requests, so that an edit comes out the same whichever way it was made.
"""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_PROMPT = 4000


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("holds half a character, which no text can") from error
    if "\0" in text:
        raise ValueError("holds a null character")
    return text


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise ValueError("is no plain JSON") from error
    return value


Text = Annotated[str, AfterValidator(_encodable)]
# A request id names a folder.
RequestId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        description="At most 128 letters, digits, dots, dashes and underscores. While its answer is kept, "
        "the same request is answered from it and never run twice.",
        examples=["0004_image_129"],
    ),
]
PicturePath = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=4096,
        description="Below one of the service's roots; absolute, or from a root or the folder that holds it.",
    ),
]
PictureB64 = Annotated[
    Text,
    Field(
        min_length=1,
        description="A picture file (PNG), base64; also as a data URL, in lines, or URL-safe.",
    ),
]
Runtime = Annotated[str, Field(description="What ran: `mock`, `classical`, `onnx` or `diffusers`.")]
Seconds = Annotated[float, Field(ge=0, description="At the engine.")]
Orientation = Annotated[
    int,
    Field(
        ge=1, le=8, description="Of the picture that came, as EXIF counts; all that is answered is upright."
    ),
]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]


class _Infer(BaseModel):
    request_id: RequestId
    sample_id: Annotated[Text, Field(max_length=256)] | None = None
    image_path: PicturePath | None = None
    image_b64: PictureB64 | None = None
    return_b64: Annotated[bool, Field(description="Answer with pictures, not with paths alone.")] = True
    save_cache: Annotated[
        bool, Field(description="Keep the answer; needed for paths, and for asking again.")
    ] = True

    @model_validator(mode="after")
    def _one_picture(self) -> Self:
        if (self.image_path is None) == (self.image_b64 is None):
            raise ValueError("give either image_path or image_b64")
        if not (self.return_b64 or self.save_cache):
            raise ValueError("with neither return_b64 nor save_cache there would be no answer")
        return self


class LayeredRequest(_Infer):
    """Split a picture into layers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"request_id": "a1", "image_path": "data/photo.jpg", "return_b64": False}]
        }
    )


class EditRequest(_Infer):
    """Edit a picture inside a mask, by a prompt; without a mask its central half."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"request_id": "a2", "image_path": "data/photo.jpg", "prompt": "Remove the cup."}]
        }
    )

    mask_path: PicturePath | None = None
    mask_b64: (
        Annotated[
            PictureB64,
            Field(description="Of the upright picture, in black and white; white is what is edited."),
        ]
        | None
    ) = None
    prompt: (
        Annotated[Text, Field(max_length=MAX_PROMPT, description="What to change; null: nothing said.")]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_mask(self) -> Self:
        if self.mask_path is not None and self.mask_b64 is not None:
            raise ValueError("give mask_path or mask_b64, not both")
        return self


class Layer(BaseModel):
    """One layer, the lowest first; all are of the picture's size."""

    layer_id: Annotated[int, Field(ge=0)]
    rgba_b64: str | None
    rgba_path: str | None
    alpha_b64: str | None
    alpha_path: str | None


class LayeredAnswer(BaseModel):
    """The layers of a picture."""

    request_id: str
    runtime: Runtime
    seconds: Seconds
    width: int
    height: int
    layers: list[Layer]
    cache_dir: str | None
    orientation: Orientation


class EditAnswer(BaseModel):
    """An edited picture; outside the mask it equals the one that came."""

    request_id: str
    runtime: Runtime
    seconds: Seconds
    width: int
    height: int
    result_image_b64: str | None
    result_image_path: str | None
    cache_dir: str | None
    orientation: Orientation
    mask_turned: Annotated[
        bool, Field(description="The mask fitted the stored pixels alone, and was turned along with them.")
    ]


class ItemRequest(BaseModel):
    """A worker's own request, as a run of this factory sends it.

    Attributes:
        item: the fields of `core.contract.LayerRequest` or `EditRequest`, without `output` and `row`.
        source_b64: the photo's file; else `item.path` is read.
        files: name → file of the layers that the item needs, base64; else `item.layers_folder` is read.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "request_id": "a3",
                    "item": {
                        "key": "0f",
                        "source_id": "",
                        "path": "data/photo.jpg",
                        "max_megapixels": 4.0,
                        "max_pixels": 64_000_000,
                        "reads": False,
                        "level": "layers",
                        "max_area": 0.5,
                        "seed": 1,
                    },
                }
            ]
        },
    )

    request_id: RequestId
    item: Annotated[dict[str, Any], AfterValidator(_plain_json)]
    source_b64: PictureB64 | None = None
    files: Annotated[dict[FileName, PictureB64], Field(max_length=64)] | None = None
    return_b64: bool = False


class ItemAnswer(BaseModel):
    """The row that the backend made, and its files.

    Attributes:
        row: the backend's own columns.
        names: of the files, which lie in `cache_dir`.
        files: name → file, base64; None when paths were asked for.
    """

    request_id: str
    runtime: Runtime
    seconds: Seconds
    row: dict[str, Any]
    names: list[str]
    files: dict[str, str] | None
    cache_dir: str


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether requests are taken; status 503 while they are not."""

    ready: bool
    backend: str
    last_error: str | None


class Info(BaseModel):
    """What runs here, for a run to compare with what it expects.

    Attributes:
        identity: what of the backend and its model changes a picture.
    """

    service: Literal["layered", "edit"]
    version: str
    stage_version: int
    backend: str
    revision: str | None
    identity: list[Any]
    max_concurrency: int
    max_queue: int
    infer_timeout_sec: float
    max_pixels: int

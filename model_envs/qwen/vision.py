"""Asking the checkpoint's own Qwen2.5-VL about pictures: what they show, and how good an edit is."""

import json
import re
from typing import Any

import torch
from PIL import Image

from iedf_assets.core.edits import names

NAME_TOKENS, CAPTION_TOKENS, RATING_TOKENS = 64, 256, 96

_CHAT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "{pictures}{question}<|im_end|>\n<|im_start|>assistant\n"
)
_PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
_NAME = (
    "Name the object in this picture in a few words, without its place. "
    'Answer with JSON only: {"en": "a red cup", "ch": "红色杯子"}'
)
_CAPTION = "Describe this picture in one paragraph: its objects, their colours, the background and any text."
_RATE = (
    "The first picture was edited into the second one by this instruction: {instruction}\n"
    "Rate how well the instruction was followed, and how well everything else was preserved, "
    'from 1 (not at all) to 5 (perfectly). Answer with JSON only: {{"instruction": 3, "preservation": 3}}'
)
_OBJECT = re.compile(r"\{[^{}]*\}")


def ask(pipe: Any, question: str, pictures: list[Image.Image], tokens: int) -> str:
    """The answer of a pipeline's vision language model; the most likely one, so that it stays the same."""
    text = _CHAT.format(pictures=_PICTURE * len(pictures), question=question)
    inputs = pipe.processor(text=[text], images=pictures, padding=True, return_tensors="pt")
    # Of a model that is offloaded, the parts' own devices say nothing.
    inputs = inputs.to(pipe._execution_device)  # noqa: SLF001  # diffusers has no public name for it
    with torch.inference_mode():
        made = pipe.text_encoder.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    answer = made[:, inputs.input_ids.shape[1] :]
    return str(pipe.processor.batch_decode(answer, skip_special_tokens=True)[0]).strip()


def name_of(pipe: Any, cutout: Image.Image) -> tuple[dict[str, str] | None, str]:
    """What an object is called in both languages, and the answer as it came; None when it is no name."""
    answer = ask(pipe, _NAME, [cutout], NAME_TOKENS)
    return read_name(answer), answer


def caption_of(pipe: Any, picture: Image.Image) -> str:
    """What a picture shows, in English."""
    return ask(pipe, _CAPTION, [picture], CAPTION_TOKENS)


def rating_of(pipe: Any, source: Image.Image, result: Image.Image, instruction: str) -> dict[str, int] | None:
    """How well an edit follows its instruction and preserves the rest, 1 to 5; None without an answer."""
    answer = ask(pipe, _RATE.format(instruction=instruction), [source, result], RATING_TOKENS)
    return read_rating(answer)


def read_name(answer: str) -> dict[str, str] | None:
    """The names in an answer: `{"en", "ch"}`; None when they are none."""
    found = _json(answer)
    return names.read_name(str(found.get("en", "")), str(found.get("ch", "")))


def read_rating(answer: str) -> dict[str, int] | None:
    """The ratings in an answer: `{"instruction", "preservation"}`, 1 to 5."""
    found = _json(answer)
    ratings = {key: found.get(key) for key in ("instruction", "preservation")}
    if not all(type(rating) is int and 1 <= rating <= 5 for rating in ratings.values()):
        return None
    return {key: int(str(rating)) for key, rating in ratings.items()}


def _json(answer: str) -> dict[str, Any]:
    match = _OBJECT.search(answer)
    try:
        found = json.loads(match[0]) if match else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

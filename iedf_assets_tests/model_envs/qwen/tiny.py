"""Tiny checkpoints with random weights, which load through the real classes and run on a CPU.

    python iedf_assets_tests/model_envs/qwen/tiny.py FOLDER

writes FOLDER/{layered,edit,edit_plus,inpaint}.

Everything but width and depth is as in the real ones: the VAE's factor of 8 and its 16 channels, 64 packed
channels, an RGBA VAE and layered positions for the layered model, Qwen2.5-VL with its language head.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import diffusers
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AddedToken,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

HIDDEN = 32
CLASSES: dict[str, tuple[str, int, dict[str, bool]]] = {
    "layered": ("QwenImageLayeredPipeline", 4, {"use_additional_t_cond": True, "use_layer3d_rope": True}),
    "edit": ("QwenImageEditPipeline", 3, {}),
    "edit_plus": ("QwenImageEditPlusPipeline", 3, {"zero_cond_t": True}),
    "inpaint": ("QwenImageEditInpaintPipeline", 3, {}),
}
SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
# Whole words make the pipelines' prompt templates as many tokens as the real tokenizer makes of them.
CORPUS = """system
Describe the key features of the input image (color, shape, size, texture, objects, background), then explain
how the user's text instruction should alter or modify the image. Generate a new image that meets the user's
requirements while maintaining consistency with the original input where appropriate.
user
assistant
system
Describe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the
objects and background:"""
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class _Processor(Qwen2VLProcessor):  # type: ignore[misc]  # transformers is not in the type checker's environment
    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


# What the checkpoint's files are to call it.
_Processor.__name__ = _Processor.__qualname__ = "Qwen2VLProcessor"
_Processor.__module__ = Qwen2VLProcessor.__module__


def _tokenizer() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=4000, min_frequency=1, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([CORPUS], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]
    ]
    special = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    made = Qwen2Tokenizer(vocab=model["vocab"], merges=merges, model_max_length=131072, **special)
    made.add_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL], special_tokens=True
    )
    made.chat_template = CHAT
    return made


def _text_encoder(tokenizer: Any) -> Any:
    token = tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": HIDDEN, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 2, "vocab_size": (len(tokenizer) + 63) // 64 * 64,
            "max_position_embeddings": 32768, "bos_token_id": token("<|endoftext|>"),
            "eos_token_id": token("<|im_end|>"), "pad_token_id": token("<|endoftext|>"),
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6},
        },
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": [1], "window_size": 112, "patch_size": 14, "spatial_merge_size": 2,
        },
        vision_start_token_id=token("<|vision_start|>"), vision_end_token_id=token("<|vision_end|>"),
        vision_token_id=token("<|vision_pad|>"), image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config).eval()
    model.generation_config.pad_token_id = token("<|endoftext|>")
    model.generation_config.eos_token_id = [token("<|im_end|>"), token("<|endoftext|>")]
    return model


def build(folder: Path, name: str) -> None:
    """Write one tiny checkpoint."""
    class_name, channels, extras = CLASSES[name]
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    pictures = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=28 * 28 * 16384)
    layered = name == "layered"
    pipe = getattr(diffusers, class_name)(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(
            base_image_seq_len=256, base_shift=0.5, max_image_seq_len=8192, max_shift=0.9,
            num_train_timesteps=1000, shift=1.0, shift_terminal=False if layered else 0.02,
            time_shift_type="linear" if layered else "exponential", use_dynamic_shifting=True,
        ),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4, z_dim=16, dim_mult=[1, 2, 2, 2], num_res_blocks=1,
            temperal_downsample=[False, True, True], input_channels=channels,
        ).eval(),
        text_encoder=_text_encoder(tokenizer), tokenizer=tokenizer,
        processor=_Processor(image_processor=pictures, tokenizer=tokenizer, chat_template=CHAT),
        transformer=diffusers.QwenImageTransformer2DModel(
            patch_size=2, in_channels=64, out_channels=16, num_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=HIDDEN, guidance_embeds=False,
            axes_dims_rope=(4, 6, 6), **extras,
        ).eval(),
    )  # fmt: skip
    pipe.save_pretrained(folder / name, safe_serialization=True)


if __name__ == "__main__":
    for checkpoint in CLASSES:
        build(Path(sys.argv[1]), checkpoint)

"""Tiny checkpoints of editing classes beside Qwen-Image-Edit's, with random weights, as in `tiny.py`.

Flux2Pipeline (FLUX.2 dev) is missing: its processor needs torchvision, of which no CPU build is pinned.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from tiny import HIDDEN, _Processor, _text_encoder, _tokenizer
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2VLImageProcessorPil,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
)
VOCABULARY = 1024


class _Processor3(Qwen3VLProcessor):  # type: ignore[misc]  # transformers is not in the type checker's environment
    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template)


_Processor3.__name__ = _Processor3.__qualname__ = "Qwen3VLProcessor"
_Processor3.__module__ = Qwen3VLProcessor.__module__


def _scheduler() -> Any:
    return diffusers.FlowMatchEulerDiscreteScheduler(
        base_image_seq_len=256,
        base_shift=0.5,
        max_image_seq_len=8192,
        max_shift=0.9,
        use_dynamic_shifting=True,
    )


def _pictures(patch: int) -> Any:
    return Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=28 * 28 * 16384, patch_size=patch)


def _blocks(channels: int) -> dict[str, Any]:
    return {
        "sample_size": 32, "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4, "block_out_channels": (4, 4, 4, 4),
        "layers_per_block": 1, "latent_channels": channels, "norm_num_groups": 1, "use_quant_conv": False,
        "use_post_quant_conv": False,
    }  # fmt: skip


def _flux_vae() -> Any:
    return diffusers.AutoencoderKL(**_blocks(16), shift_factor=0.0609, scaling_factor=1.5035).eval()


def _denoiser(kind: Any, channels: int, width: int, rope: tuple[int, ...], **more: Any) -> Any:
    return kind(
        patch_size=1, in_channels=channels, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=width, axes_dims_rope=rope, **more,
    ).eval()  # fmt: skip


def _klein(kind: Any) -> Any:
    tokenizer, width = _tokenizer(), 16
    # It reads the layers 9, 18 and 27.
    config = Qwen3Config(
        hidden_size=width, intermediate_size=16, num_hidden_layers=28, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, vocab_size=VOCABULARY, max_position_embeddings=1024,
    )  # fmt: skip
    transformer = _denoiser(
        diffusers.Flux2Transformer2DModel, 16, width * 3, (4, 4, 4, 4), timestep_guidance_channels=32,
        guidance_embeds=False,
    )  # fmt: skip
    return kind(
        scheduler=_scheduler(), vae=diffusers.AutoencoderKLFlux2(**_blocks(4)).eval(),
        text_encoder=Qwen3ForCausalLM(config).eval(), tokenizer=tokenizer, transformer=transformer,
        is_distilled=True,
    )  # fmt: skip


def _kontext(kind: Any) -> Any:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    clip = CLIPTextConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, projection_dim=16,
        vocab_size=VOCABULARY, max_position_embeddings=77, bos_token_id=0, eos_token_id=2, pad_token_id=1,
    )  # fmt: skip
    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    words += [(letter, -3.0) for letter in letters if letter.isascii() and letter.isalnum()]
    t5 = T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=VOCABULARY)
    return kind(
        scheduler=_scheduler(), vae=_flux_vae(), text_encoder=CLIPTextModel(clip).eval(),
        tokenizer=CLIPTokenizer(
            vocab={piece: number for number, piece in enumerate(pieces)}, merges=[], model_max_length=77
        ),
        text_encoder_2=T5EncoderModel(t5).eval(),
        tokenizer_2=T5Tokenizer(vocab=words, extra_ids=0, model_max_length=64),
        transformer=_denoiser(
            diffusers.FluxTransformer2DModel, 64, 16, (4, 6, 6), pooled_projection_dim=16,
            guidance_embeds=True,
        ),
    )  # fmt: skip


def _longcat(kind: Any) -> Any:
    tokenizer = _tokenizer()
    return kind(
        scheduler=_scheduler(), vae=_flux_vae(), text_encoder=_text_encoder(tokenizer), tokenizer=tokenizer,
        text_processor=_Processor(image_processor=_pictures(14), tokenizer=tokenizer, chat_template=CHAT),
        transformer=_denoiser(diffusers.LongCatImageTransformer2DModel, 64, HIDDEN, (4, 6, 6)),
    )  # fmt: skip


def _qwen21(kind: Any) -> Any:
    tokenizer = _tokenizer()
    token = tokenizer.convert_tokens_to_ids
    config = Qwen3VLConfig(
        text_config={
            "hidden_size": HIDDEN, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 16, "vocab_size": VOCABULARY,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6},
        },
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": HIDDEN,
            "patch_size": 16, "spatial_merge_size": 2, "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token("<|image_pad|>"), video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"), vision_end_token_id=token("<|vision_end|>"),
    )  # fmt: skip
    return kind(
        scheduler=_scheduler(), text_encoder=Qwen3VLForConditionalGeneration(config).eval(),
        processor=_Processor3(image_processor=_pictures(16), tokenizer=tokenizer, chat_template=CHAT),
        vae=diffusers.AutoencoderKLQwenImage21(
            base_dim=4, decoder_base_dim=4, z_dim=64, dim_mult=[1] * 5, num_res_blocks=1,
            temperal_downsample=[False, True, True, True],
        ).eval(),
        transformer=diffusers.QwenImage21Transformer2DModel(
            num_layers=2, attention_head_dim=16, num_attention_heads=2, context_in_dim=HIDDEN,
            axes_dims_rope=(4, 6, 6),
        ).eval(),
    )  # fmt: skip


OTHERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "qwen21": ("QwenImage21Pipeline", _qwen21),
    "kontext": ("FluxKontextPipeline", _kontext),
    "kontext_inpaint": ("FluxKontextInpaintPipeline", _kontext),
    "klein": ("Flux2KleinPipeline", _klein),
    "klein_inpaint": ("Flux2KleinInpaintPipeline", _klein),
    # Without a row in the table.
    "klein_kv": ("Flux2KleinKVPipeline", _klein),
    "longcat": ("LongCatImageEditPipeline", _longcat),
}


# Modular ones, by the tiny checkpoint whose parts they have.
MODULAR = {
    "klein_modular": "klein",
    "kontext_modular": "kontext",
    "edit_plus_modular": "edit_plus",
    "qwen21_modular": "qwen21",
    "layered_modular": "layered",
}


def build(folder: Path, name: str) -> None:
    """Write one tiny checkpoint."""
    class_name, make = OTHERS[name]
    torch.manual_seed(0)
    make(getattr(diffusers, class_name)).save_pretrained(folder / name, safe_serialization=True)


def build_modular(folder: Path, name: str) -> None:
    """Write one with an index of blocks alone, as it lies in a local copy of a repository.

    The checkpoint whose parts it has is there already.
    """
    whole, target = folder / MODULAR[name], folder / name
    shutil.copytree(whole, target)
    pipe = diffusers.ModularPipeline.from_pretrained(str(whole), local_files_only=True)
    index = {key: value for key, value in pipe.config.items() if key != "_name_or_path"}
    for value in index.values():
        if isinstance(value, list | tuple):
            value[2]["pretrained_model_name_or_path"] = "somebody/some-model"
    index["_class_name"] = type(pipe).__name__
    (target / "modular_model_index.json").write_text(json.dumps(index, default=str))
    (target / "model_index.json").unlink()

"""What is known of the pipeline classes that edit pictures: a row each, and one for any other class.

The licence is that of the weights which the class is usually seen with; the card of your own copy counts.
Standard library only: the orchestrator, which has no model package, reads it as the workers do.
"""

from dataclasses import dataclass, replace
from typing import Literal

Rule = Literal["round32", "at_most", "ceil16", "kontext"]
Commercial = Literal["yes", "no", "4B only", "unknown"]


@dataclass(frozen=True)
class Editor:
    """A pipeline class that edits pictures by instructions.

    Attributes:
        models: that are saved as this class.
        rule: which canvases the pipeline keeps as they are, see `canvas.canvas_sizes`.
        steps, guidance: what its makers run it with, where the profile does not say.
        guided_by: the argument that takes the guidance; None: whichever its signature has.
        references: how many pictures it takes in all.
        mask: whether it is told where to paint.
        languages: of instructions.
        writes: languages in which it is said to write text into pictures.
        licence, commercial: of the weights.
        batches: whether edits of one size are denoised together rightly.
        repeats: whether several seeds of one edit are.
        sees: whether its text encoder can be asked about pictures: names and ratings.
        known: whether it has a row of its own.
    """

    class_name: str
    models: str
    rule: Rule = "round32"
    steps: int = 40
    guidance: float = 4.0
    guided_by: Literal["true_cfg_scale", "guidance_scale"] | None = None
    references: int = 1
    mask: bool = False
    languages: str = "en, zh"
    writes: str = "en, zh"
    licence: str = "Apache-2.0"
    commercial: Commercial = "yes"
    batches: bool = False
    repeats: bool = False
    sees: bool = False
    known: bool = True


_FLUX = {"licence": "FLUX non-commercial", "commercial": "no", "languages": "en", "writes": "en"}
_KLEIN = {"licence": "4B: Apache-2.0, 9B: FLUX non-commercial", "commercial": "4B only", "languages": "en",
          "writes": "en", "repeats": True}  # fmt: skip
_QWEN = {"guided_by": "true_cfg_scale", "sees": True}

EDITORS = (
    Editor("QwenImageEditPipeline", "Qwen-Image-Edit", batches=True, **_QWEN),  # type: ignore[arg-type]
    Editor("QwenImageEditPlusPipeline", "Qwen-Image-Edit-2509 and -2511, FireRed-Image-Edit",
           references=3, repeats=True, **_QWEN),  # type: ignore[arg-type]
    Editor("QwenImageEditInpaintPipeline", "Qwen-Image-Edit saved as inpainting", mask=True, batches=True,
           **_QWEN),  # type: ignore[arg-type]
    Editor("QwenImage21Pipeline", "Qwen-Image-2.1", guidance=1.0, guided_by="true_cfg_scale", references=10,
           repeats=True, licence="Qwen Research", commercial="no"),
    Editor("FluxKontextPipeline", "FLUX.1 Kontext dev", "kontext", 28, 2.5, "guidance_scale",
           repeats=True, **_FLUX),  # type: ignore[arg-type]
    Editor("FluxKontextInpaintPipeline", "FLUX.1 Kontext dev saved as inpainting", "kontext", 28, 2.5,
           "guidance_scale", 2, mask=True, repeats=True, **_FLUX),  # type: ignore[arg-type]
    Editor("Flux2KleinPipeline", "FLUX.2 klein", "at_most", 4, 4.0, "guidance_scale", 4,
           **_KLEIN),  # type: ignore[arg-type]
    Editor("Flux2KleinInpaintPipeline", "FLUX.2 klein saved as inpainting", "at_most", 4, 4.0,
           "guidance_scale", 2, mask=True, **_KLEIN),  # type: ignore[arg-type]
    Editor("Flux2Pipeline", "FLUX.2 dev", "at_most", 50, 4.0, "guidance_scale", 10,
           **_FLUX),  # type: ignore[arg-type]
    Editor("LongCatImageEditPipeline", "LongCat-Image-Edit", "ceil16", 50, 4.5, "guidance_scale",
           repeats=True),
)  # fmt: skip
_BY_CLASS = {editor.class_name: editor for editor in EDITORS}
# What the classes that diffusers puts together from blocks have in their names.
_MODULAR = "ModularPipeline"
# Classes that split pictures; a successor says so in its name.
LAYERED = "QwenImageLayeredPipeline"
_LAYERED_ENDING = "LayeredPipeline"


def editor_of(class_name: str) -> Editor:
    """What is known of a class; of one without a row next to nothing: its signature tells the rest.

    A modular class is one of the same models as that whose name it has but for that word; what its blocks can
    make together nobody has tried.
    """
    if class_name.endswith(_MODULAR):
        whole = editor_of(_whole(class_name))
        return replace(whole, class_name=class_name, guided_by=None, batches=False, repeats=False)
    unknown = Editor(
        class_name,
        "any other",
        languages="unknown",
        licence="see its card",
        commercial="unknown",
        known=False,
    )
    return _BY_CLASS.get(class_name, unknown)


def splits(class_name: str) -> bool:
    """Whether a class splits pictures into layers."""
    return _whole(class_name).endswith(_LAYERED_ENDING)


def _whole(class_name: str) -> str:
    """The name of the class that is no modular one."""
    return class_name.removesuffix(_MODULAR) + "Pipeline" if class_name.endswith(_MODULAR) else class_name

"""What a pair must reach to be published."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from iedf_assets.core.profile.fields import Share, Strict
from iedf_assets.core.profile.subtypes import Tier

# Limits of scores that came later: pairs that were made before do not have them.
LATER = (
    "min_visible_change",
    "min_object_confidence",
    "min_object_agreement",
    "max_neck_step",
    "max_outline_unseen",
    "max_remainder",
    "max_swallowed",
    "max_loose_ends",
    "max_hidden_ends",
    "max_misplaced_fill",
    "max_fringe",
    "max_left_pieces",
    "max_strays",
    "max_overlap",
    "max_lift",
    "max_detached_borders",
    "max_new_edges",
    "min_lettering",
)


class OutsideTier(Strict):
    """What the outside of a pair must hold in one tier; null switches a limit off.

    Attributes:
        max_mse_outside, min_ssim_outside, max_changed_share_outside: the consistency check's three limits.
        max_difference_outside: largest absolute difference (0-255).
        min_psnr_outside: dB.
        min_similarity_outside: structural similarity of what lies wholly outside.
        max_colour_cast: norm of the mean difference in L*a*b*.
        max_shift_px, max_zoom: drift, in pixels and as a relative change of size.
        max_leak_px: pixels of the largest connected part that changed.
        max_leak_share: share of all change.
    """

    max_mse_outside: Annotated[float, Field(ge=0)] | None = 4.0
    min_ssim_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.98
    max_changed_share_outside: Share | None = 0.02
    max_difference_outside: Annotated[int, Field(ge=0, le=255)] | None = 0
    min_psnr_outside: Annotated[float, Field(ge=0)] | None = 45.0
    min_similarity_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.99
    max_colour_cast: Annotated[float, Field(ge=0)] | None = 0.3
    max_shift_px: Annotated[float, Field(ge=0)] | None = 0.3
    max_zoom: Share | None = 0.001
    max_leak_px: Annotated[int, Field(ge=0)] | None = 64
    max_leak_share: Share | None = 0.02


class RawTier(OutsideTier):
    """A model's own picture: the outside is close to the source's, not equal."""

    max_mse_outside: Annotated[float, Field(ge=0)] | None = 65.0
    min_ssim_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.9
    max_changed_share_outside: Share | None = None
    max_difference_outside: Annotated[int, Field(ge=0, le=255)] | None = None
    min_psnr_outside: Annotated[float, Field(ge=0)] | None = 30.0
    min_similarity_outside: Annotated[float, Field(ge=-1, le=1)] | None = 0.9
    max_colour_cast: Annotated[float, Field(ge=0)] | None = 0.6


class GlobalTier(Strict):
    """An edit of the whole picture has no outside; whether it is right, somebody has to say.

    Attributes:
        publish: what passes its other checks is published without anybody having looked at it.
    """

    publish: bool = False


class Thresholds(Strict):
    """What a pair must reach to be published: `pair_checks` has the checks, `scores` the formulae.

    Attributes:
        min_mask_share, max_mask_share: the mask's share of the picture.
        min_mask_largest_share: largest connected part of the silhouette over all of it.
        max_mask_hole_share: holes over the silhouette with them.
        min_polarity: change in the mask over change elsewhere.
        min_changed_share_inside: share of the mask with a difference above 8 (0-255), else nothing was
            edited.
        min_structure: likeness of the gradients inside, of edits that keep the structure.
        max_new_edges: share of a recolouring with an edge where the source has none.
        min_sharpness: grain of the edit beside its surroundings'.
        max_recomposition_error: mean difference of the layers put together from the source, levels of 255.
        max_raw_shift, max_raw_zoom: how far a model's picture may lie from its source before it is
            registered, shares of the diagonal and of the size.
        max_upscaling: pixels of the pair per pixel of the model's canvas.
        min_judge_instruction, min_judge_preservation: of the judge's ratings, 1 to 5.
        min_lettering: likeness of the text that the judge reads to what was to be written.
        max_seam: largest step at the edge of an edit, ΔE.
        min_effect: how clearly the pixels do what the recipe says, 1 is fully.
        max_instruction_faults: contradictions between the texts, the recipe and the picture.
        min_visible_change: ΔE of an edit in place of what a network found, or of what lies around it.
        min_object_confidence: how far the network that found an object agrees with itself about it.
        min_object_agreement: 1 less the largest piece, as a share of the mask, that a second opinion misses
            or leaves out.
        max_neck_step: step of colour across a neck of the mask, ΔE: two things in one.
        max_outline_unseen: share of the outline without a step of colour.
        max_remainder: what outside looks like the object and hangs on it, as a share of the mask.
        max_swallowed: what inside looks like the background, likewise.
        max_loose_ends: what reaches the mask from outside and does not go on in the fill, ΔE times shares of
            the picture's side.
        max_hidden_ends: by how much something may differ that ends where a moved object begins, ΔE.
        max_misplaced_fill: by how much a fill differs from all that the photo has at the same height, ΔE.
        max_fringe: how much finer what lies around the place of an object may be than what lies further away.
        max_left_pieces: what touches the mask, stands out from the background and ends, over the mask.
        max_strays: share of a fill that stands out from the background and lies in the fill alone.
        max_overlap: what a moved object covers of another, as a share of the smaller.
        max_lift: by how much its lowest row moves off the ground, as a share of the height.
        max_detached_borders: borders that cut the object off before and no longer do.
        composited, raw, global: what the outside must hold in that tier.
    """

    min_mask_share: Share = 0.005
    max_mask_share: Share = 0.98
    min_mask_largest_share: Share = 0.85
    max_mask_hole_share: Share = 0.15
    min_polarity: Annotated[float, Field(ge=0)] = 4.0
    min_changed_share_inside: Share = 0.05
    min_structure: Annotated[float, Field(ge=-1, le=1)] = 0.7
    max_new_edges: Share | None = 0.0025
    min_sharpness: Annotated[float, Field(ge=0)] = 0.75
    max_recomposition_error: Annotated[float, Field(ge=0)] = 2.0
    max_raw_shift: Share = 0.02
    max_raw_zoom: Share = 0.03
    max_upscaling: Annotated[float, Field(ge=1)] = 1.25
    min_judge_instruction: Annotated[int, Field(ge=1, le=5)] = 4
    min_judge_preservation: Annotated[int, Field(ge=1, le=5)] = 4
    min_lettering: Share | None = 0.9
    max_seam: Annotated[float, Field(ge=0)] = 2.1
    min_effect: Annotated[float, Field(ge=-1, le=1)] = 0.45
    max_instruction_faults: Annotated[int, Field(ge=0)] = 0
    min_visible_change: Annotated[float, Field(ge=0)] | None = 5.0
    min_object_confidence: Share | None = 0.975
    min_object_agreement: Share | None = 0.93
    max_neck_step: Annotated[float, Field(ge=0)] | None = 70.0
    max_outline_unseen: Share | None = 0.1
    max_remainder: Annotated[float, Field(ge=0)] | None = 0.055
    max_swallowed: Share | None = 0.1
    max_loose_ends: Annotated[float, Field(ge=0)] | None = 0.013
    max_hidden_ends: Annotated[float, Field(ge=0)] | None = 18.0
    max_misplaced_fill: Annotated[float, Field(ge=0)] | None = 0.02
    max_fringe: Annotated[float, Field(ge=0)] | None = 1.6
    max_left_pieces: Annotated[float, Field(ge=0)] | None = 0.026
    max_strays: Share | None = 0.0035
    max_overlap: Share | None = 0.02
    max_lift: Share | None = 0.02
    max_detached_borders: Annotated[int, Field(ge=0, le=4)] | None = 0
    composited: OutsideTier = OutsideTier()
    raw: RawTier = RawTier()
    global_: Annotated[GlobalTier, Field(alias="global")] = GlobalTier()

    @model_validator(mode="before")
    @classmethod
    def _given_up(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and "max_attached" in raw:
            raise ValueError(
                "the key max_attached is gone: what it limited told good pairs from wrong ones hardly better "
                "than chance; take it out, min_object_confidence does more"
            )
        return raw

    @property
    def max_stated_error(self) -> float:
        """What a stated edit may differ by from what its recipe states; no matter of taste, so no key."""
        return 0.0

    def identity(self) -> dict[str, Any]:
        """What verdicts depend on, as keys tell it.

        Limits that came later are left out while they have their defaults: a pair from before them has no
        such scores, so that they say nothing about it.
        """
        told = self.model_dump()
        unsaid = [name for name in LATER if told[name] == type(self).model_fields[name].default]
        return {name: value for name, value in told.items() if name not in unsaid}

    def of(self, tier: Tier) -> OutsideTier | None:
        """What the outside must hold in a tier; None where there is no outside."""
        return {"composited": self.composited, "raw": self.raw}.get(tier)

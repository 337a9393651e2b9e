"""Thresholds for pairs that are made of shapes on photos, which are nobody's objects."""

from iedf_assets.core.profile.thresholds import LATER, Thresholds

MASKS_UNJUDGED = Thresholds.model_validate(dict.fromkeys(LATER))

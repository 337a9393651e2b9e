import pytest
from pydantic import ValidationError

from iedf_assets.core.profile.loading import DEFAULT_PROFILE, load_profile
from iedf_assets.core.profile.schema import Profile
from iedf_assets.core.profile.thresholds import LATER, Thresholds
from iedf_assets.core.storage.keys import Keys


def keys_with(*settings: str) -> str:
    profile: Profile = load_profile(DEFAULT_PROFILE, list(settings))
    return Keys(profile, profile.category("物体一致性")).slots("s")[0].verdict_key


def test_limits_that_came_later_are_no_part_of_a_key_while_they_have_their_defaults() -> None:
    assert not set(LATER) & Thresholds().identity().keys()
    assert Thresholds().identity().keys() | set(LATER) == Thresholds.model_fields.keys()


@pytest.mark.parametrize("name", LATER)
def test_one_that_is_set_or_switched_off_is_part_of_the_key(name: str) -> None:
    assert Thresholds.model_validate({name: None}).identity()[name] is None
    assert keys_with(f"thresholds.{name}=null") != keys_with()


def test_stating_a_default_changes_no_key() -> None:
    assert keys_with("thresholds.max_lift=0.02", "thresholds.max_seam=2.1") == keys_with()


def test_a_limit_that_was_given_up_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValidationError, match=r"max_attached is gone.* take it out"):
        Thresholds.model_validate({"max_attached": 0.3})

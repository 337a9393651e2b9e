import pytest

from iedf_assets.core.profile.schema import Profile
from iedf_assets_tests.helpers.exports import planted


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """A factory with a dataset in both splits; not to be changed."""
    return planted(tmp_path_factory.mktemp("exported"))[0]

"""The API's page says what the models say, and the services' page what the settings are."""

from iedf_assets.core.profile.fields import PROJECT_ROOT
from model_envs.services.describe import page
from model_envs.services.settings import ServiceSettings

DOCS = PROJECT_ROOT / "docs"


def test_the_page_of_the_api_is_the_one_that_the_models_make() -> None:
    assert (DOCS / "api.md").read_text("utf-8") == page(), (
        "python -m model_envs.services.describe > docs/api.md"
    )


def test_the_page_of_the_services_names_every_setting() -> None:
    text = (DOCS / "services.md").read_text("utf-8")
    settings = {name.upper() for name in ServiceSettings.model_fields} - {"KIND", "MODEL"}
    assert {name for name in settings if f"`{name}`" not in text} == set()

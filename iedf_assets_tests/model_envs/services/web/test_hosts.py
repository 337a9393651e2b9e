from pathlib import Path

import pytest

from model_envs.services.settings import ServiceSettings
from model_envs.services.web.hosts import host_name, is_own, own_names

EVERYWHERE = "0.0.0.0"  # noqa: S104


def served(header: str, listens: str, hosts: str = "") -> bool:
    told = {"EDIT_HOST": listens, "EDIT_HOSTS": hosts, "EDIT_CACHE_DIR": str(Path("/nowhere"))}
    settings = ServiceSettings.from_environment("edit", told)
    return is_own(host_name(header), own_names(settings), settings.host)


@pytest.mark.parametrize(
    "header", ["127.0.0.1:8102", "localhost:8102", "LOCALHOST", "[::1]:8102", "127.0.0.1", "", "localhost."]
)
def test_this_machines_own_names_are_served(header: str) -> None:
    assert served(header, "127.0.0.1")
    assert served(header, EVERYWHERE)


@pytest.mark.parametrize("header", ["evil.example", "localhost.evil.example:8102", "127.0.0.1.evil.example"])
def test_a_name_that_somebody_else_may_own_is_not(header: str) -> None:
    assert not served(header, "127.0.0.1")
    assert not served(header, EVERYWHERE)
    assert served(header, "127.0.0.1", f"gpu.lan, {host_name(header)}")
    assert served(header, "127.0.0.1", "*")


def test_other_addresses_lead_only_to_who_listens_on_others() -> None:
    assert not served("192.0.2.7:8102", "127.0.0.1")
    assert served("192.0.2.7:8102", EVERYWHERE)

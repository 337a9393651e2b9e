"""Under which names a service is reached: a page of another site may give its own name this address."""

import ipaddress
import socket

from model_envs.services.settings import ServiceSettings


def own_names(settings: ServiceSettings) -> frozenset[str]:
    """The names of a service, in lower case; `*` stands for any."""
    names = {"localhost", settings.host.lower(), *settings.hosts}
    if not _is_loopback(settings.host):
        names |= {socket.gethostname().lower()}
    return frozenset(names)


def is_own(host: str, names: frozenset[str], listens: str) -> bool:
    """Whether a request for a host is one for this service; one without a host comes from no browser.

    An address is no name that somebody else could have registered; who listens on the loopback interface
    alone has only the addresses of that.

    Args:
        host: as `host_name` gives it.
        names: of `own_names`.
        listens: the address that the service listens on.
    """
    if not host or host in names or "*" in names:
        return True
    return _is_loopback(host) or (_is_address(host) and not _is_loopback(listens))


def host_name(header: str) -> str:
    """The name or address in a `Host` header, without its port, in lower case; empty when there is none."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(text: str) -> bool:
    return text == "localhost" or (_is_address(text) and ipaddress.ip_address(text).is_loopback)

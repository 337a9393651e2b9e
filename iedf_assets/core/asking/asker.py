"""Who answers questions about pictures: an endpoint, or what a package brings."""

from collections.abc import Sequence
from typing import Protocol

from iedf_assets.core.asking.endpoint import Answer, Endpoint
from iedf_assets.core.plugins import PREFIX, VISION, loaded
from iedf_assets.core.profile.asked import Asked


class Asker(Protocol):
    """Answers questions about pictures, from several threads. Made from the profile's section and its key."""

    def require_there(self) -> None:
        """Look whether it can answer at all.

        Raises:
            SystematicError: it cannot.
        """

    def ask(self, question: str, pictures: Sequence[bytes], form: type[Answer]) -> Answer:
        """The answer to a question about JPEG pictures, in a form.

        Raises:
            SourceError: none that can be read.
            SystematicError: it will never answer.
        """


def asker_of(asked: Asked, key: str) -> Asker:
    """Who is asked, looked after already.

    Raises:
        SystematicError: nobody answers there.
        WorkerError: no package here brings it.
    """
    if asked.by.startswith(PREFIX):
        plugin: Asker = loaded(VISION, asked.by.removeprefix(PREFIX), f"{key}.by")(asked, key)
    else:
        plugin = Endpoint(asked, key)
    plugin.require_there()
    return plugin

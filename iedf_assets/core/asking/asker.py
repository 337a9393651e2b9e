"""Who answers questions about pictures: an endpoint, or what a package brings."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from iedf_assets.core.asking.endpoint import Answer, Endpoint
from iedf_assets.core.asking.questions import JUDGE, Judgement
from iedf_assets.core.asking.rewards import reward_model
from iedf_assets.core.plugins import PREFIX, VISION, loaded
from iedf_assets.core.profile.asked import REWARDS, Asked, Judge


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


@runtime_checkable
class Rater(Protocol):
    """Rates edits, and answers no questions."""

    def require_there(self) -> None:
        """As `Asker`'s."""

    def rate(self, instruction: str, pictures: Sequence[bytes]) -> Judgement:
        """What it says of an edit: of the JPEG pictures before and after.

        Raises:
            SourceError: nothing that can be used.
            SystematicError: it will never answer.
        """


def judgement_on(judge: Asker | Rater, instruction: str, pictures: Sequence[bytes]) -> Judgement:
    """What a judge says of an edit: of the JPEG pictures before and after.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    if isinstance(judge, Rater):
        return judge.rate(instruction, pictures)
    return judge.ask(JUDGE.format(instruction=instruction), pictures, Judgement)


def judge_of(asked: Judge, key: str) -> Asker | Rater:
    """Who rates edits, looked after already.

    Raises:
        SystematicError: nobody answers there.
        WorkerError: no package here brings it, or its weights are not there.
    """
    if asked.by not in REWARDS:
        return asker_of(asked, key)
    model = reward_model(asked, key)
    model.require_there()
    return model


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

"""Finished pairs rated by a judge behind an endpoint: nothing that it is to rate goes on unrated."""

from collections.abc import Callable
from pathlib import Path

from iedf_assets.core.asking.asker import Asker, asker_of
from iedf_assets.core.asking.questions import JUDGE, Judgement
from iedf_assets.core.pairs.making import AnyPair, make
from iedf_assets.core.profile.asked import Asked
from iedf_assets.core.storage.journal import Row


def finishing(judge: Asked) -> Callable[[AnyPair, Path], Row]:
    """What finishes pairs: `make` alone, or with the ratings of the endpoint that is to judge.

    Raises:
        SystematicError: nobody answers at that endpoint, or the model is not there.
        WorkerError: no package here brings it.
    """
    if not judge.elsewhere:
        return make
    asker = asker_of(judge, "workers.edit.judge")

    def make_and_rate(request: AnyPair, folder: Path) -> Row:
        row = make(request, folder)
        told = judgement_of(asker, folder, request.instruction_en)
        return {**row, "scores": row["scores"] | told.scores, "judged": told.model_dump()}

    return make_and_rate


def judgement_of(asker: Asker, folder: Path, instruction: str) -> Judgement:
    """What a judge says of the pair `source.jpg` and `result.jpg` in a folder.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    pictures = [(folder / name).read_bytes() for name in ("source.jpg", "result.jpg")]
    return asker.ask(JUDGE.format(instruction=instruction), pictures, Judgement)

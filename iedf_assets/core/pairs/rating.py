"""Finished pairs rated by a judge behind an endpoint: nothing that it is to rate goes on unrated."""

from collections.abc import Callable
from pathlib import Path

from iedf_assets.core.asking.asker import Asker, asker_of
from iedf_assets.core.asking.questions import JUDGE, READ, Judgement, Lettering
from iedf_assets.core.edits.lettering import lettering
from iedf_assets.core.pairs.finishing import PairRequest, finish
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.profile.asked import Asked
from iedf_assets.core.storage.journal import Row

# Of what is read: how much of its surroundings is shown, a share of the short side, and the JPEG's quality.
CONTEXT, QUALITY = 0.02, 95


def finishing(judge: Asked) -> Callable[[PairRequest, Path], Row]:
    """What finishes pairs: `finish` alone, or with the ratings of the endpoint that is to judge.

    Raises:
        SystematicError: nobody answers at that endpoint, or the model is not there.
        WorkerError: no package here brings it.
    """
    if not judge.elsewhere:
        return finish
    asker = asker_of(judge, "workers.edit.judge")

    def finish_and_rate(request: PairRequest, folder: Path) -> Row:
        row = finish(request, folder)
        told = judgement_of(asker, folder, request.instruction_en)
        judged = told.model_dump()
        scores = row["scores"] | told.scores
        if lettering(request.recipe, "") is not None:
            judged["text"] = text_of(asker, folder)
            scores["lettering"] = lettering(request.recipe, judged["text"])
        return {**row, "scores": scores, "judged": judged}

    return finish_and_rate


def text_of(asker: Asker, folder: Path) -> str:
    """What a judge reads where the pair in a folder was edited.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    mask, result = decode(folder / "mask.png"), decode_jpeg((folder / "result.jpg").read_bytes())
    box = grown_box(mask, round(CONTEXT * min(mask.shape)))
    return asker.ask(READ, [encode_jpeg(result[box], QUALITY)], Lettering).text


def judgement_of(asker: Asker, folder: Path, instruction: str) -> Judgement:
    """What a judge says of the pair `source.jpg` and `result.jpg` in a folder.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    pictures = [(folder / name).read_bytes() for name in ("source.jpg", "result.jpg")]
    return asker.ask(JUDGE.format(instruction=instruction), pictures, Judgement)

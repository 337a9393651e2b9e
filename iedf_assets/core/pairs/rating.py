"""Finished pairs rated by a judge behind an endpoint: nothing that it is to rate goes on unrated."""

import time
from collections.abc import Callable
from pathlib import Path

from iedf_assets.core.asking.asker import Asker, Rater, judge_of, judgement_on
from iedf_assets.core.asking.questions import LONGEST, READ, REWRITE, Judgement, Lettering, Naming
from iedf_assets.core.edits.lettering import lettering
from iedf_assets.core.edits.names import read_name
from iedf_assets.core.errors import SourceError, StorageError
from iedf_assets.core.pairs.finishing import PairRequest
from iedf_assets.core.pictures.codecs import decode, decode_jpeg, encode_jpeg
from iedf_assets.core.pictures.masks import grown_box
from iedf_assets.core.profile.asked import Judge
from iedf_assets.core.storage.journal import Row

# Of what is read: how much of its surroundings is shown, a share of the short side, and the JPEG's quality.
CONTEXT, QUALITY = 0.02, 95
# An instruction rated so high was followed.
FOLLOWED = 4


def rating(judge: Judge) -> Callable[[PairRequest, Row], Row] | None:
    """What rates finished pairs: of a request and its row, the row with what the judge says; None for nobody.

    It waits for the judge, and keeps no core busy meanwhile.

    Raises:
        SystematicError: nobody answers at that endpoint, or the model is not there.
        WorkerError: no package here brings it.
    """
    if not judge.elsewhere:
        return None
    asker = judge_of(judge, "workers.edit.judge")

    def rated(request: PairRequest, row: Row) -> Row:
        if row["status"] != "done":
            return row
        begun = time.perf_counter()
        try:
            said = _said(asker, request, row, rewrites=judge.rewrite)
        except (SourceError, StorageError) as error:
            reason = error.reason if isinstance(error, SourceError) else type(error).__name__
            said = {"status": "failed", "reason": reason, "detail": error.problem}
        return {**row, **said, "seconds": round(row["seconds"] + time.perf_counter() - begun, 4)}

    return rated


def _said(asker: Asker | Rater, request: PairRequest, row: Row, *, rewrites: bool) -> Row:
    """What a judge says of a finished pair, as columns of its row."""
    folder = Path(request.output)
    told = judgement_of(asker, folder, request.instruction_en)
    judged = told.model_dump()
    scores = row["scores"] | told.scores
    if isinstance(asker, Rater):
        return {"scores": scores, "judged": judged}
    if lettering(request.recipe, "") is not None:
        judged["text"] = text_of(asker, folder)
        scores["lettering"] = lettering(request.recipe, judged["text"])
    written = rewritten(asker, folder, told) if rewrites else {}
    return {"scores": scores | written.pop("scores", {}), "judged": judged, **written}


def text_of(asker: Asker, folder: Path) -> str:
    """What a judge reads where the pair in a folder was edited.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    mask, result = decode(folder / "mask.png"), decode_jpeg((folder / "result.jpg").read_bytes())
    box = grown_box(mask, round(CONTEXT * min(mask.shape)))
    return asker.ask(READ, [encode_jpeg(result[box], QUALITY)], Lettering).text


def rewritten(asker: Asker, folder: Path, told: Judgement) -> Row:
    """What an edit that came out otherwise is told by instead, and how well that was followed.

    Returns:
        `rewritten_ch`, `rewritten_en` and the score `rewritten_instruction`, in place of that of the
        instruction; nothing where the edit is what was asked for, changed nothing, or the judge does not
        find its own words followed.
    """
    if not told.changed or told.instruction >= FOLLOWED:
        return {}
    words = asker.ask(REWRITE, _pictures(folder), Naming)
    texts = read_name(words.en, words.ch, longest=LONGEST)
    if texts is None:
        return {}
    again = judgement_on(asker, texts["en"], _pictures(folder))
    if not again.changed or again.instruction < FOLLOWED:
        return {}
    scores = {"judge_instruction": None, "rewritten_instruction": again.instruction}
    return {"rewritten_ch": texts["ch"], "rewritten_en": texts["en"], "scores": scores}


def judgement_of(asker: Asker | Rater, folder: Path, instruction: str) -> Judgement:
    """What a judge says of the pair `source.jpg` and `result.jpg` in a folder.

    Raises:
        SourceError: it gave no answer that can be read.
        SystematicError: it will give none.
    """
    return judgement_on(asker, instruction, _pictures(folder))


def _pictures(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("source.jpg", "result.jpg")]

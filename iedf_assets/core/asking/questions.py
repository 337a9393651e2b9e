"""What vision models are asked, and the forms of their answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Rating = Annotated[int, Field(ge=1, le=5)]
# Letters of an answer in words.
LONGEST = 400
Words = Annotated[str, Field(max_length=LONGEST)]

NAME = (
    "Name the object in this picture in a few words, without its place, in English and in simplified "
    "Chinese. "
    'Answer with JSON only: {"en": "a red cup", "ch": "红色杯子"}'
)
READ = (
    "Read all text on the object in this picture, exactly as it is written, in reading order, and nothing "
    'else. Answer with JSON only: {"text": "OPEN"}, with an empty text where there is none.'
)
REWRITE = (
    "The first picture was edited into the second one. Write the instruction that this edit follows: one "
    "sentence in the imperative that says what was changed and where, nothing that was not, in English and "
    'in simplified Chinese. Answer with JSON only: {"en": "paint the cup on the left blue", '
    '"ch": "把左边的杯子涂成蓝色"}'
)
JUDGE = (
    "The first picture was edited into the second one by this instruction: {instruction}\n"
    "Answer with JSON only. changed: whether the second picture differs visibly from the first. what: in one "
    "sentence, what was changed. instruction: from 1 (not at all) to 5 (perfectly), how well the instruction "
    "was followed. preservation: from 1 to 5, how well everything else was preserved. artefacts: in a few "
    "words, what looks wrong or artificial in the second picture; empty if nothing does."
)


class Judgement(BaseModel):
    """What a judge says of an edit.

    Attributes:
        changed: whether anything was.
        what: was changed, in a sentence.
        instruction, preservation: how well it was followed, and the rest preserved, 1 to 5.
        artefacts: what looks wrong, in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    changed: bool
    what: Words
    instruction: Rating
    preservation: Rating
    artefacts: Words

    @property
    def scores(self) -> dict[str, float]:
        """Its scores of a pair; what did not change followed no instruction."""
        return {
            "judge_instruction": self.instruction if self.changed else 1,
            "judge_preservation": self.preservation,
        }


class Lettering(BaseModel):
    """The text in a picture; empty where there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: Words


class Naming(BaseModel):
    """What an object is called, in English and in Chinese."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    en: Words
    ch: Words

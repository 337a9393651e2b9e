"""Who is asked about pictures: what an object is called, how good an edit is."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from iedf_assets.core.profile.fields import Patience, Plugin, Strict

# Raised when a question changes: what was answered before is asked again.
QUESTIONS_VERSION = 1
# Reward models of other packages, which rate and say nothing else.
REWARDS = ("editscore", "editreward")


class Asked(Strict):
    """A vision model that is asked about pictures.

    Attributes:
        by: `none`: nobody is asked; `own`: the checkpoint's own vision model; `endpoint`: a server that
            speaks the OpenAI form, as vLLM, SGLang and Ollama do; `plugin:NAME`: what a package brings.
        endpoint: its address, up to the part before `/chat/completions`.
        model: its name there.
        token_variable: name of the environment variable that holds a token; none is sent where it is empty.
        timeout_sec: how long one answer may take, seconds.
        max_retries: how often a question is asked again after a full queue, an error, or an answer that
            cannot be read.
        backoff_sec: the first wait before that, seconds; each one is about twice as long as the last.
        parallel: questions under way at once.
    """

    by: Literal["none", "own", "endpoint"] | Plugin = "none"
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8000/v1"
    model: Annotated[str, Field(min_length=1)] | None = None
    token_variable: Annotated[str, Field(pattern=r"^\w+$")] = "IEDF_ENDPOINT_TOKEN"  # noqa: S105
    timeout_sec: Patience = 120.0
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    backoff_sec: Patience = 1.0
    parallel: Annotated[int, Field(ge=1, le=256)] = 4

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.by == "endpoint" and self.model is None:
            raise ValueError("by: endpoint needs model, the model's name at that endpoint")
        return self

    @property
    def elsewhere(self) -> bool:
        """Whether somebody else than the checkpoint's own vision model is asked."""
        return self.by not in {"none", "own"}

    def identity(self) -> list[Any]:
        """What of it changes an answer; empty where nobody else is asked."""
        return [self.by, self.model, QUESTIONS_VERSION] if self.elsewhere else []


class Judge(Asked):
    """What rates edits.

    Attributes:
        by: as there; `editscore` and `editreward` are reward models, loaded into this process.
        model: of `editscore` the local folder of the vision model that it adapts, of `editreward` the
            package's own configuration file.
        adapter: of `editscore` the local folder of its LoRA, of `editreward` its checkpoint.
        rewrite: what an edit rated below 4 did is asked for in words, which take the instruction's place
            where the judge, asked again, finds them followed.
    """

    by: Literal["none", "own", "endpoint", "editscore", "editreward"] | Plugin = "none"
    adapter: Annotated[str, Field(min_length=1)] | None = None
    rewrite: bool = False

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Self:
        if self.by in REWARDS and not (self.model and self.adapter):
            raise ValueError(f"by: {self.by} needs model and adapter, which lie in local folders")
        if self.rewrite and (not self.elsewhere or self.by in REWARDS):
            raise ValueError("rewrite needs a judge that writes: an endpoint, or a plugin")
        return self

    def identity(self) -> list[Any]:
        """As there; with what it was adapted by, and whether it writes."""
        more = [self.adapter] if self.adapter else []
        return [*super().identity(), *more, *(["rewrite"] if self.rewrite else [])]


class Namer(Asked):
    """What names the objects of a photo, in both languages; by default the checkpoint's own vision model."""

    by: Literal["none", "own", "endpoint"] | Plugin = "own"

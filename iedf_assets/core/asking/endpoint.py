"""A vision model behind an OpenAI-compatible endpoint: asked with pictures, answering JSON of a given form.

Workers ask too, in environments that have no HTTP client of their own: hence the standard library's.
"""

import base64
import http.client
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from iedf_assets.core.errors import SourceError, SystematicError
from iedf_assets.core.profile.asked import Asked

UNREACHABLE, UNREADABLE = "endpoint_unreachable", "endpoint_unreadable"
# Answers are a few lines; waits between tries grow to this, seconds; how long a list of models may take.
MAX_ANSWER, MAX_TOKENS, MAX_WAIT_S, LOOK_S = 1 << 20, 512, 60.0, 5.0
_CHUNK = 1 << 14
# Timeouts and broken connections, and what is no HTTP.
_BROKEN = (OSError, ValueError, http.client.HTTPException)
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
Answer = TypeVar("Answer", bound=BaseModel)


class _AgainError(Exception):
    """A question that may be answered when it is asked again.

    Args:
        reason: of the row, should it never be.
        wait_s: what the server asked for, seconds.
    """

    def __init__(self, reason: str, problem: str, wait_s: float = 0.0) -> None:
        super().__init__(problem)
        self.reason, self.wait_s = reason, wait_s


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A token goes to the address of the profile alone."""


class Endpoint:
    """A server that speaks the OpenAI form; used from several threads.

    Args:
        asked: where it is, and how it is asked.
        key: of the profile, for remedies, such as `workers.edit.judge`.
    """

    def __init__(self, asked: Asked, key: str) -> None:
        self._asked, self._key = asked, key
        self._places = threading.BoundedSemaphore(asked.parallel)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())

    def require_there(self) -> None:
        """Look whether it is there and has the model.

        Raises:
            SystematicError: it is not, or has not; nothing was asked.
        """
        models = self.models()
        if models and self._asked.model not in models:
            raise SystematicError(
                f"{self._asked.endpoint} has no model {self._asked.model!r}, only {', '.join(models[:8])}",
                f"correct {self._key}.model",
            )

    def models(self) -> list[str]:
        """The names of its models; none where it does not tell.

        Raises:
            SystematicError: nobody answers there, or the token is wrong.
        """
        try:
            told = self._answered(self._request("/models"), LOOK_S)
        except _AgainError as error:
            raise SystematicError(
                f"{self._key}: {error}", f"start the server, or correct {self._key}.endpoint"
            ) from None
        listed = told.get("data")
        entries = listed if isinstance(listed, list) else []
        return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]

    def ask(self, question: str, pictures: Sequence[bytes], form: type[Answer]) -> Answer:
        """The answer to a question about JPEG pictures.

        Args:
            form: what the answer is to be; it is asked for as a JSON schema, and checked.

        Raises:
            SourceError: no answer, or none that can be read, after all tries.
            SystematicError: the server will answer nothing: a wrong token, a model that is not there.
        """
        body = self._body(question, pictures, form)
        for number in range(self._asked.max_retries + 1):
            try:
                with self._places:
                    told = self._answered(self._request("/chat/completions", body), self._asked.timeout_sec)
                return _read(told, form)
            except _AgainError as error:
                if number == self._asked.max_retries:
                    raise SourceError(error.reason, f"{self._key}: {error}") from error
                grown = self._asked.backoff_sec * 2**number
                jitter = random.uniform(0, self._asked.backoff_sec)  # noqa: S311  # spreads the retries
                time.sleep(min(max(grown + jitter, error.wait_s), MAX_WAIT_S))
        raise AssertionError("unreachable")

    def _body(self, question: str, pictures: Sequence[bytes], form: type[BaseModel]) -> bytes:
        shown = [
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}"},
            }
            for picture in pictures
        ]
        asked = {
            "model": self._asked.model,
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "messages": [{"role": "user", "content": [*shown, {"type": "text", "text": question}]}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": form.__name__, "strict": True, "schema": form.model_json_schema()},
            },
        }
        return json.dumps(asked).encode("utf-8")

    def _request(self, route: str, body: bytes | None = None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json"}
        token = os.environ.get(self._asked.token_variable)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = self._asked.endpoint.rstrip("/") + route
        return urllib.request.Request(address, data=body, headers=headers)  # noqa: S310  # the profile holds http(s)

    def _answered(self, request: urllib.request.Request, patience_s: float) -> dict[str, Any]:
        """What a request brings, within so many seconds."""
        deadline = time.monotonic() + patience_s
        content = b""
        try:
            with self._opener.open(request, timeout=patience_s) as answer:
                while chunk := answer.read1(_CHUNK):
                    content += chunk
                    if time.monotonic() > deadline:
                        raise TimeoutError
                    if len(content) > MAX_ANSWER:
                        raise _AgainError(UNREADABLE, f"more than {MAX_ANSWER} bytes")
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from error
        except _BROKEN as error:
            why = f"no answer within {patience_s:g} s" if isinstance(error, TimeoutError) else _told(error)
            raise _AgainError(UNREACHABLE, f"{request.full_url}: {why}") from error
        try:
            told = json.loads(content)
        except ValueError as error:
            raise _AgainError(UNREADABLE, f"{request.full_url} answered no JSON") from error
        return told if isinstance(told, dict) else {}

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        """What an answer that is no success means."""
        try:
            text = error.read(300).decode("utf-8", "replace")
        except _BROKEN as broken:
            text = _told(broken)
        problem = f"{error.url} answered {error.code}: {text}"
        if error.code in _AGAIN:
            told = error.headers.get("Retry-After", "")
            return _AgainError(UNREACHABLE, problem, float(told) if told.isdigit() else 0.0)
        remedy = (
            f"set {self._asked.token_variable}"
            if error.code in {401, 403}
            else f"correct {self._key}: the endpoint, and the model's name there"
        )
        return SystematicError(f"{self._key}: {problem}", remedy)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _read(told: dict[str, Any], form: type[Answer]) -> Answer:
    """The answer in what a server told.

    Raises:
        _AgainError: there is none, or not of that form.
    """
    try:
        content = told["choices"][0]["message"]["content"]
        return form.model_validate_json(_bare(content))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _AgainError(UNREADABLE, "the answer has no message") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        raise _AgainError(UNREADABLE, f"{place}: {first['msg']}") from error


def _bare(content: str) -> str:
    """The JSON in an answer that some models put between fences all the same."""
    start, end = content.find("{"), content.rfind("}")
    return content[start : end + 1] if 0 <= start < end else content

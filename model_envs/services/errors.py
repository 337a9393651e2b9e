"""Answers that are no success: their codes, and the form that all of them have."""

from typing import Any, Literal

from pydantic import BaseModel


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: Literal[
        "invalid_input", "unauthorized", "not_found", "method_not_allowed", "too_large",
        "wrong_host", "queue_full", "infer_failed", "infer_timeout", "not_ready",
    ]  # fmt: skip
    message: str


class ErrorAnswer(BaseModel):
    """The form of every answer that is no success."""

    detail: ErrorDetail


STATUS = {
    "invalid_input": 422,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "wrong_host": 421,
    "queue_full": 429,
    "infer_failed": 500,
    "infer_timeout": 504,
    "not_ready": 503,
}


class ServiceError(Exception):
    """An answer that is no success.

    Args:
        code: a key of `STATUS`.
        message: for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        # What cannot be encoded (half a character of a hostile request) must not break the answer too.
        message = self.message.encode("utf-8", "replace").decode("utf-8")
        return {"detail": {"code": self.code, "message": message}}

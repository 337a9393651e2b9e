"""What goes wrong on the way, whoever raises it, as an answer of the contract's one form."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from iedf_assets.core.errors import own_words
from model_envs.services.errors import ServiceError

_log = logging.getLogger(__name__)
# The framework's own errors.
_CODES = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed", 415: "invalid_input"}


def handle_failures(app: FastAPI) -> None:
    """Have an application answer all of them."""
    app.add_exception_handler(ServiceError, _of_service)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _of_validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _of_http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _of_bug)


async def _of_service(request: Request, error: ServiceError) -> Response:
    request.state.told["code"] = error.code
    return JSONResponse(error.body(), error.status)


async def _of_validation(request: Request, error: RequestValidationError) -> Response:
    problems = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"] if part != "body")
        problems.append(f"{place or 'body'}: {own_words(problem['msg'])}")
    return await _of_service(request, ServiceError("invalid_input", "; ".join(problems)[:2000]))


async def _of_http(request: Request, error: HTTPException) -> Response:
    code = _CODES.get(error.status_code, "invalid_input")
    response = await _of_service(request, ServiceError(code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _of_bug(request: Request, error: Exception) -> Response:
    _log.error("unforeseen", exc_info=error)
    message = "an unforeseen error; the service's log has it under this call's x-request-id"
    return await _of_service(request, ServiceError("infer_failed", message))

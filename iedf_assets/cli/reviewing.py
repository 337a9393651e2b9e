"""The report with review buttons, served on 127.0.0.1: the pages and pictures read-only, reviews appended."""

import json
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from iedf_assets.cli.listening import HOST
from iedf_assets.core.errors import FactoryError, ProfileError
from iedf_assets.core.storage.naming import Layout
from iedf_assets.core.storage.reviews import add_review, read_reviews

PAGE = "/reports/html/index.html"
NO_PAGE = (
    "There is no report yet. Beside the UI it follows within a minute or two of a run; `iedf report` "
    "makes it now. This page looks again by itself."
)
LOOK_AGAIN_S = 5
MAX_BODY = 16_384


def review_app(layout: Layout) -> Starlette:
    """The application: `/reports` and `/dataset` as files, `GET /reviews`, `POST /reviews`.

    A review is `{"edit_id", "verdict", "note"}`. Requests from other sites' pages are refused: other host
    names, other origins, and bodies that are not JSON, which a form on another site could send.
    """

    async def listing(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(read_reviews, layout))

    async def adding(request: Request) -> Response:
        refusal = _refusal(request)
        if refusal:
            return _error(403, refusal)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return _error(413, f"a review has at most {MAX_BODY} bytes")
        try:
            review = json.loads(body)
            given = str(review["edit_id"]), str(review["verdict"]), str(review.get("note") or "")
            await run_in_threadpool(add_review, layout, *given)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return _error(422, 'a review is {"edit_id": ..., "verdict": ..., "note": ...}')
        except ProfileError as error:
            return _error(422, str(error))
        except (FactoryError, OSError) as error:
            return _error(503, str(error))
        return JSONResponse(await run_in_threadpool(read_reviews, layout))

    return Starlette(
        routes=[
            Route("/", lambda _request: RedirectResponse(PAGE)),
            Route("/reviews", listing, methods=["GET"]),
            Route("/reviews", adding, methods=["POST"]),
            Mount("/reports", StaticFiles(directory=layout.reports)),
            Mount("/dataset", StaticFiles(directory=layout.dataset, check_dir=False)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        exception_handlers={404: _missing},
    )


async def _missing(request: Request, _error: Exception) -> Response:
    """What is not there; where the report would be, when it will be, so that links from the UI can wait."""
    if request.url.path != PAGE:
        return PlainTextResponse("Not Found", 404)
    return PlainTextResponse(NO_PAGE, 404, headers={"Refresh": str(LOOK_AGAIN_S)})


def serve_report(layout: Layout, port: int) -> None:
    """Serve until Ctrl-C."""
    uvicorn.run(review_app(layout), host=HOST, port=port, log_level="warning")


def _refusal(request: Request) -> str | None:
    """Why a request that changes something is not this page's own; None when it is."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return "a review is sent as application/json"
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        return f"a page of {origin} may not review"
    return None


def _error(status: int, message: str) -> Response:
    return JSONResponse({"detail": message}, status)

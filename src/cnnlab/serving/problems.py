"""Errors as JSON problem details (RFC 9457): a status, what is wrong, and in which field."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what would be right."},
        "field": {"type": "string", "description": "The part of the request, such as `images[2]`."},
    },
}
"""Of a problem, for the OpenAPI document."""


class Problem(Exception):
    """A request that is not answered as it hoped.

    Args:
        status: of HTTP.
        detail: rule, value received, remedy.
        field: the part of the request that it is about; empty if it is the whole of it.
        retry_after: seconds after which to try again; for 503.
        closes: end the connection: what is left of the body will not be read.
    """

    def __init__(
        self, status: int, detail: str, *, field: str = "", retry_after: int = 0, closes: bool = False
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.field = status, detail, field
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {}
        self.headers |= {"Connection": "close"} if closes else {}


def response_of(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a problem as what is sent."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **({"field": problem.field} if problem.field else {}),
    }
    return JSONResponse(content, problem.status, problem.headers | (headers or {}), MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Make every error of an app a problem: ours, the router's, and faults of our own."""

    @app.exception_handler(Problem)
    async def ours(_request: Request, error: Problem) -> JSONResponse:
        return response_of(error)

    @app.exception_handler(HTTPException)
    async def of_the_router(request: Request, error: HTTPException) -> JSONResponse:
        details = {
            404: f"There is nothing at {request.url.path[:200]!r}; /openapi.json says what there is.",
            405: f"{request.url.path[:200]!r} does not take {request.method[:20]!r}.",
        }
        problem = Problem(error.status_code, details.get(error.status_code, str(error.detail)))
        return response_of(problem, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def fault(_request: Request, _error: Exception) -> JSONResponse:
        return response_of(Problem(500, "A fault of cnnlab itself; the server's log has more."))

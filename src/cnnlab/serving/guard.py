"""What stands before every route: the server's names, the token, and the counters."""

import base64
import binascii
import hmac
import time
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cnnlab.serving.hosts import host_name
from cnnlab.serving.metrics import Metrics
from cnnlab.serving.problems import Problem, response_of

OPEN = ("/healthz", "/readyz")
"""What needs no token: whoever watches over the server asks here, and learns nothing else."""

READ_IN_BROWSERS = ("/docs", "/openapi.json")
"""Pages for people, whose browser can be made to ask for the token as a password, and in no other way."""


class Guard:
    """ASGI middleware.

    Args:
        app: behind it.
        metrics: that it reports to.
        routes: that are counted by their names; all others are `other`, so that clients cannot make up more.
        token: that clients must send; None lets everyone in.
        hosts: names that are answered to, as `allowed_hosts` returns them; None answers to any.
        also_open: paths that need no token, besides `OPEN`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        routes: frozenset[str],
        token: str | None,
        hosts: Sequence[str] | None,
        also_open: frozenset[str] = frozenset(),
    ) -> None:
        self._open = also_open | set(OPEN)
        self._app, self._metrics, self._routes = app, metrics, routes
        self._hosts = None if hosts is None else frozenset(hosts)
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # as GET; what serves HTTP leaves the body out
            scope = {**scope, "method": "GET"}
        path = scope["path"]
        route = path if path in self._routes else "other"
        status = 500
        start = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if (problem := self._wrong_host(scope)) is not None:
                await response_of(problem)(scope, receive, watch)
            elif path in self._open or self._is_allowed(scope):
                await self._app(scope, receive, watch)
            else:
                problem = Problem(
                    401, "Must have the server's token: Authorization: Bearer TOKEN.", field="Authorization"
                )
                basic = ', Basic realm="the token as password, any name"' * (path in READ_IN_BROWSERS)
                headers = {"WWW-Authenticate": f"Bearer{basic}"}
                await response_of(problem, headers)(scope, receive, watch)
        finally:
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)

    def _wrong_host(self, scope: Scope) -> Problem | None:
        """Return what is wrong with the name by which the server was asked. HTTP/1.0 may leave it out."""
        if self._hosts is None:
            return None
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if all(host_name(value) in self._hosts for value in given):
            return None
        return Problem(
            421,
            f"This server does not answer to {given[0][:80]!r}; `cnnlab serve --allow-host NAME` lets it.",
            field="Host",
            closes=True,
        )

    def _is_allowed(self, scope: Scope) -> bool:
        if self._token is None:
            return True
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        if scheme.lower() != b"bearer":  # in any case: RFC 9110, section 11.1
            token = _password(given[0]) if scope["path"] in READ_IN_BROWSERS else b""
        # In constant time, so that how long a refusal takes says nothing about the token.
        return hmac.compare_digest(token, self._token)


def _password(header: bytes) -> bytes:
    """Return the password of an `Authorization: Basic` header (RFC 7617); empty if it is none."""
    scheme, _, text = header.partition(b" ")
    try:
        pair = base64.b64decode(text, validate=True) if scheme.lower() == b"basic" else b""
    except binascii.Error:
        return b""
    return pair.partition(b":")[2]

"""HTTP/1.1 as uvicorn speaks it, with patience that ends, few connections, and problems for answers."""

import asyncio
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from cnnlab.serving.limits import Limits
from cnnlab.serving.problems import Problem, response_of


class ImpatientProtocol(H11Protocol):
    """Closes connections whose next header does not arrive, or whose client does not take its answer.

    uvicorn limits the time between two requests of a connection, but not that from a connection's or a
    request's first byte to the end of its header, nor that in which an answer is taken: a slow client would
    hold its connection for ever.

    Attributes:
        header_seconds: for a header to arrive.
        send_seconds: for what was sent to be taken, so far that more can be sent.
        most_connections: of one process; the next one is told to come back later.
    """

    header_seconds: float = Limits.header_seconds
    send_seconds: float = Limits.send_seconds
    most_connections: int = Limits.connections
    _deadline: asyncio.TimerHandle | None = None
    _sent_deadline: asyncio.TimerHandle | None = None

    @classmethod
    def obey(cls, limits: Limits) -> None:
        """Take a server's limits, for this process: uvicorn makes the protocols by itself."""
        cls.header_seconds, cls.send_seconds = limits.header_seconds, limits.send_seconds
        cls.most_connections = limits.connections

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first header."""
        together = _Together(transport, self.loop, self.send_seconds)
        super().connection_made(cast(asyncio.Transport, together))
        if len(self.connections) > self.most_connections:
            self._refuse(Problem(503, "There are too many connections.", retry_after=1, closes=True))
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; when they complete a header, the waiting ends."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            if self._deadline is None:
                self._wait()
        else:
            self._end_waiting()

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Answer a client that has closed its side after a whole request, as some do."""
        is_asked = self.cycle is not None and not self.cycle.response_complete
        if is_asked and self.conn.their_state in (h11.DONE, h11.MUST_CLOSE):
            assert self.cycle is not None
            self.cycle.keep_alive = False
            return True
        self.transport.close()  # asyncio's own would drop an answer of this very turn, and wait for ever
        return False

    def pause_writing(self) -> None:
        """Begin to wait for the client to take what was sent."""
        super().pause_writing()
        self._sent_deadline = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        super().resume_writing()
        self._end_sending()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._end_waiting()
        self._end_sending()
        cast(_Together, self.transport).forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless an answer is already on its way, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(Problem(400, f"The request must be valid HTTP/1.1. {msg}", closes=True))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        answer = response_of(problem)
        header = b"".join(b"%s: %s\r\n" % pair for pair in answer.raw_headers)
        status = f"HTTP/1.1 {problem.status} \r\n".encode()
        self.transport.write(status + header + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.header_seconds, self._give_up)

    def _end_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_sending(self) -> None:
        if self._sent_deadline is not None:
            self._sent_deadline.cancel()
            self._sent_deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _Together:
    """A transport that sends what is written in one turn of the event loop at once, and does close.

    uvicorn writes an answer's header and its body one after the other: two calls of the system, and clients
    that wake up twice. asyncio's `close` waits for the client to take what is left, for ever: this one, for
    so many seconds.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop, close_seconds: float) -> None:
        self._transport, self._loop, self._close_seconds = transport, loop, close_seconds
        self._pieces: list[bytes] = []
        self._closing: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        if data:
            if not self._pieces:
                self._loop.call_soon(self._send)
            self._pieces.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()
        if self._transport.get_write_buffer_size() and self._closing is None:
            self._closing = self._loop.call_later(self._close_seconds, self._transport.abort)

    def forget(self) -> None:
        """Wait no longer: the connection is gone."""
        if self._closing is not None:
            self._closing.cancel()

    def _send(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(b"".join(pieces))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

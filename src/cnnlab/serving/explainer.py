"""The process that explains answers: it has torch and the run folder, which the server has not.

It is started when the first client asks, kept, given one question at a time, and ended when it is too slow.
"""

import asyncio
import importlib.util
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnnlab.serving.bodies import RETRY_SECONDS
from cnnlab.serving.limits import Limits
from cnnlab.serving.problems import Problem
from cnnlab.serving.sources import CONFIG, WEIGHTS

MOST_WAITING = 8
_COMMAND = (sys.executable, "-m", "cnnlab.explain.service")


def run_beside(file: Path) -> Path | None:
    """Return the run folder of an ONNX file: the one it lies in, or one of its name beside it."""
    for folder in (file.parent, file.with_suffix("")):
        if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
            return folder
    return None


def has_torch() -> bool:
    """True if the other process could import torch; this one does not."""
    return importlib.util.find_spec("torch") is not None


class Explainer:
    """Asks the process, which belongs to the event loop of the first question.

    Args:
        limits: `explain_seconds` of them.
        threads: of the processor, that it computes with.
    """

    def __init__(self, limits: Limits, *, threads: int = 1) -> None:
        self._seconds, self._threads = limits.explain_seconds, threads
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def ask(self, question: dict[str, Any], pixels: bytes) -> dict[str, Any]:
        """Return what `cnnlab.explain.service` answers.

        Raises:
            Problem: 503, too many wait, it takes too long, or the process died, and died again when it was
                started anew; 404 or 422, nothing of this network can be explained, or a field is wrong.
        """
        if self._waiting >= MOST_WAITING:
            raise Problem(
                503, f"{MOST_WAITING} explanations are waited for already.", retry_after=RETRY_SECONDS
            )
        self._waiting += 1
        try:
            await self._wait_for_turn()
            try:
                answer = await self._ask(json.dumps(question).encode(), pixels)
            finally:
                self._turn.release()
        finally:
            self._waiting -= 1
        if "detail" in answer:
            status = 404 if answer["field"] == "network" else 422
            raise Problem(status, answer["detail"], field=answer["field"])
        return answer

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._turn.acquire()
        except TimeoutError:
            detail = f"Other explanations took longer than {self._seconds:g} s."
            raise Problem(503, detail, retry_after=RETRY_SECONDS) from None

    async def _ask(self, question: bytes, pixels: bytes) -> dict[str, Any]:
        message = len(question).to_bytes(4, "big") + question + pixels
        is_answered = False
        try:
            async with asyncio.timeout(self._seconds):
                try:
                    answer = await self._exchange(message)
                except (OSError, asyncio.IncompleteReadError):  # it had died since the last question
                    await self.stop()
                    answer = await self._exchange(message)
            is_answered = True
            return answer
        except TimeoutError:
            detail = f"There was no explanation within {self._seconds:g} s."
        except (OSError, asyncio.IncompleteReadError):
            detail = "The process that explains ended before it had answered."
        finally:
            if not is_answered:  # its answer would be taken for that of the next question
                await self.stop()
        raise Problem(503, detail, retry_after=RETRY_SECONDS)

    async def _exchange(self, message: bytes) -> dict[str, Any]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                str(self._threads),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends it
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(message)
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(4), "big")
        return json.loads(await process.stdout.readexactly(length))

"""Many browsers in one process: kept connections and no more of HTTP than the trials need, for they share the cores."""

import asyncio
import re
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlencode

LONGEST = 2**20
PATIENT = 60.0
"""Seconds until an answer counts as never given."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long that took; status 0: nothing did."""

    status: int
    head: bytes
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        """Give a header's value, empty where there is none."""
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r]*)", self.head, re.IGNORECASE)
        return found[1].decode() if found else ""


class Browser:
    """One kept connection to a server on loopback; opened again when the server closes it."""

    def __init__(self, port: int, patient: float = PATIENT) -> None:
        self._port, self._patient = port, patient
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, cookie: str = "") -> Answer:
        return await self._ask(f"GET {path} HTTP/1.1\r\n", cookie, b"")

    async def post(self, path: str, cookie: str, form: dict[str, str]) -> Answer:
        return await self._ask(f"POST {path} HTTP/1.1\r\n", cookie, urlencode(form).encode())

    async def _ask(self, line: str, cookie: str, body: bytes) -> Answer:
        said = f"{line}Host: 127.0.0.1:{self._port}\r\nAccept-Language: en\r\nCookie: {cookie}\r\n"
        if body:
            said += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        began = monotonic()
        try:
            async with asyncio.timeout(self._patient):
                head, answer = await self._exchange(said.encode() + b"\r\n" + body)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            self.close()
            return Answer(0, b"", b"", monotonic() - began)
        return Answer(int(head[9:12]), head, answer, monotonic() - began)

    async def _exchange(self, said: bytes) -> tuple[bytes, bytes]:
        kept = self._streams is not None
        try:
            return await self._once(said)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            if not kept:  # a new connection that was closed is an answer, too
                raise
        return await self._once(said)

    async def _once(self, said: bytes) -> tuple[bytes, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=LONGEST)
        reader, writer = self._streams
        writer.write(said)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return head, body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

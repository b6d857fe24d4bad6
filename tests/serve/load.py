"""Clients that ask a server again as soon as they are answered. Raw sockets: they share their cores with the server."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from typing import NamedTuple


class Load(NamedTuple):
    """What came of it: seconds of each answer, and the answers that were none."""

    times: list[float]
    failed: list[bytes]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def percentile(self, share: int) -> float:
        return statistics.quantiles(self.times, n=100)[share - 1]

    def __str__(self) -> str:
        return (
            f"{len(self.times)} requests, {self.per_second:.0f} a second, p50 {1000 * self.percentile(50):.0f} ms, "
            f"p99 {1000 * self.percentile(99):.0f} ms, {len(self.failed)} errors"
        )


async def _client(host: str, port: int, request: bytes, until: float, load: Load) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        body = await reader.readexactly(int(length[1]))
        load.times.append(time.perf_counter() - began)
        if b" 200 " not in head.splitlines()[0] or b"predictions" not in body:
            load.failed.append(head + body)
    writer.close()
    await writer.wait_closed()


def press(url: str, body: bytes, clients: int, seconds: float) -> Load:
    """Have so many clients ask ``/predict`` for so long."""
    host, port = url.removeprefix("http://").split(":")
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    load = Load([], [], seconds)

    async def main() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(_client(host, int(port), request, until, load) for _ in range(clients)))

    asyncio.run(main())
    return load

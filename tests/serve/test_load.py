"""Fifty clients at once, for ten seconds, each asking again as soon as it is answered."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from typing import Any

import pytest

from serve.conftest import Server

CLIENTS, SECONDS = 50, 10


async def _client(host: str, port: int, request: bytes, until: float, times: list[float], failed: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")
        )
        body = await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        if b" 200 " not in head.splitlines()[0] or b"predictions" not in body:
            failed.append(head + body)
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
def test_fifty_clients_are_served_without_an_error(server: Server, row: dict[str, Any], capsys: Any) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps({"rows": [row]}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    times: list[float] = []
    failed: list[bytes] = []

    async def main() -> None:
        until = time.perf_counter() + SECONDS
        clients = [_client(host, int(port), head.encode() + body, until, times, failed) for _ in range(CLIENTS)]
        await asyncio.gather(*clients)

    asyncio.run(main())
    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
    with capsys.disabled():
        print(f"\n{len(times)} requests, p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, {len(failed)} errors")

    assert failed == []
    assert len(times) > CLIENTS

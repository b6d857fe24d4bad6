"""A served model under load: latency of many clients, and what micro-batching is worth.

    python benchmarks/serving.py [--seconds 60] [--clients 50]

Trains a net on scikit-learn's breast cancer table, serves its bundle twice on the loopback, in processes of their own,
with micro-batching and without, and asks both by turns from a third process: each client asks for one row, and again
as soon as it is answered. Then the server with micro-batching alone, for the whole time. Prints one JSON line at the
end. Needs the extras ``serve`` and scikit-learn; reads nothing and writes into a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 5
SHARE = 6  # seconds of each round


def bundle(folder: Path) -> tuple[Path, bytes]:
    """Train, save, and return the folder with the body of a request."""
    from sklearn.datasets import load_breast_cancer

    import neurokit as nk
    from neurokit.architectures import TabularNet
    from neurokit.encoding import TableEncoding, Target

    table = load_breast_cancer(as_frame=True)
    rows, truth = table.data, table.target.map({0: "malignant", 1: "benign"})
    encoding, target = TableEncoding.fit(rows), Target.fit("diagnosis", truth)
    x, y = encoding.transform(rows), target.encode(truth)
    with nk.seeded(0):
        net = TabularNet(x["numbers"].shape[1], encoding.cardinalities, 1)
        trainer = nk.Trainer(net, loss="bce_with_logits", learning_rate=0.01)
        trainer.fit(x, y[:, None].astype("float32"), epochs=5, verbose=0)
    saved = nk.save_bundle(trainer, folder / "diagnosis", encoding=encoding, target=target, background=False)
    return saved, json.dumps({"rows": [rows.iloc[0].to_dict()]}).encode()


def start(folder: Path, batching: bool) -> tuple[subprocess.Popen[str], int]:
    """Serve a bundle in a process of its own, and return it with its port."""
    code = (
        "import sys, neurokit as nk\n"
        "nk.serve.run(sys.argv[1], port=0, micro_batching=sys.argv[2] == '1', explanations=False)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(int(batching))], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    port = 0
    for line in process.stderr:
        told = json.loads(line)
        port = int(told["address"].rpartition(":")[2]) if "address" in told else port
        if "startup complete" in told["message"]:
            break
    if not port:
        raise SystemExit("The server ended before it served.")
    # Its log goes on: somebody has to read it, or it waits.
    subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    return process, port


async def client(port: int, request: bytes, until: float, times: list[float], failed: list[bytes]) -> None:
    """Ask again and again over one connection. Plain sockets: what is measured is the server, on shared cores."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        body = await reader.readexactly(size)
        times.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            failed.append(head + body)
    writer.close()
    await writer.wait_closed()


def load(port: int, body: bytes, clients: int, seconds: float) -> tuple[list[float], list[bytes], float]:
    """Return how long each request took, which failed, and how long it took all together."""
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = f"{head}\r\n\r\n".encode() + body
    times: list[float] = []
    failed: list[bytes] = []

    async def main() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(client(port, request, began + seconds, times, failed) for _ in range(clients)))
        return time.perf_counter() - began

    return times, failed, asyncio.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of the load at the end (%(default)g)")
    parser.add_argument("--clients", type=int, default=50, help="that ask at once (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, body = bundle(Path(temporary))
        servers = {name: start(folder, batching) for name, batching in (("with", True), ("without", False))}
        rates: dict[str, list[float]] = {name: [] for name in servers}
        failed: list[bytes] = []
        for number in range(ROUNDS):
            for name in sorted(servers, reverse=number % 2 == 1):  # by turns, so that a slow minute meets both
                times, wrong, took = load(servers[name][1], body, options.clients, SHARE)
                rates[name].append(len(times) / took)
                failed += wrong
        times, wrong, took = load(servers["with"][1], body, options.clients, options.seconds)
        failed += wrong
        for process, _ in servers.values():
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
    ratios = [one / other for one, other in zip(rates["with"], rates["without"], strict=True)]
    milliseconds = [1000 * one for one in statistics.quantiles(times, n=1000)]
    told: dict[str, Any] = {
        "clients": options.clients, "seconds": round(took, 1), "requests": len(times), "errors": len(failed),
        "per_second": round(len(times) / took), "p50_ms": round(milliseconds[499], 1),
        "p99_ms": round(milliseconds[989], 1), "p99.9_ms": round(milliseconds[998], 1),
        "per_second_with": [round(one) for one in rates["with"]],
        "per_second_without": [round(one) for one in rates["without"]],
        "ratio": round(statistics.median(ratios), 2), "ratios": [round(one, 2) for one in ratios],
        "cores": os.cpu_count(),
    }  # fmt: skip
    print(
        f"{told['clients']} clients, {told['seconds']} s: {told['requests']:,} requests, {told['errors']} errors, "
        f"{told['per_second']} a second, p50 {told['p50_ms']} ms, p99 {told['p99_ms']} ms\n"
        f"with micro-batching {told['ratio']} times the throughput without (median of {ROUNDS} rounds by turns)"
    )
    print(json.dumps(told))
    if failed:
        raise SystemExit(f"{len(failed)} requests failed, the first with {failed[0][:500]!r}")


if __name__ == "__main__":
    main()

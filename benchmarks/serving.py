"""A served bundle under load: 50 clients, and what batching of concurrent requests is worth.

usage: python benchmarks/serving.py [SECONDS] [CLIENTS]

A TabularNet on scikit-learn's breast cancer data answers one row a request, in a process of its own with one thread.
Clients ask again as soon as they are answered, on the same machine. Batching and none take turns, three times each.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sklearn.datasets import load_breast_cancer

import neurokit as nk
from serve.conftest import served
from serve.load import press

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
CLIENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 50
ROUNDS = 3

frame = load_breast_cancer(as_frame=True).frame
pipeline = nk.tabular.TabularPipeline(verbose=0).load_data(frame).clean_data().prepare_data("target")
pipeline.train_model(epochs=10)
body = json.dumps({"rows": [pipeline.split["test"].drop(columns="target").iloc[0].to_dict()]}).encode()
with tempfile.TemporaryDirectory() as folder:
    pipeline.save(f"{folder}/cancer")
    with served(Path(folder) / "cancer") as server:
        print(f"{CLIENTS} clients for {SECONDS:.0f} s: {press(server.url, body, CLIENTS, SECONDS)}")
    ratios = []
    for _ in range(ROUNDS):
        found = []
        for batching in (True, False):
            with served(Path(folder) / "cancer", f"{{'micro_batching': {batching}}}") as server:
                press(server.url, body, CLIENTS, 1)
                found.append(press(server.url, body, CLIENTS, SECONDS / 6))
        print(f"  with batching {found[0]}\n  without       {found[1]}")
        ratios.append(found[0].per_second / found[1].per_second)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"throughput with batching against without: {statistics.median(ratios):.2f} ({spread})")

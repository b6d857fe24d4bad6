"""A served bundle under load: 50 clients, and what batching of concurrent requests is worth.

usage: python benchmarks/serving.py [SECONDS] [CLIENTS]

A TabularNet on scikit-learn's breast cancer data answers one row a request, in a process of its own with one thread.
Clients ask again as soon as they are answered, on the same machine. Two servers stand side by side, with batching and
without, and are asked by turns: a slow minute of the machine meets both.
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
ROUNDS = 5

frame = load_breast_cancer(as_frame=True).frame
pipeline = nk.tabular.TabularPipeline(seed=0, verbose=0).load_data(frame).clean_data().prepare_data("target")
pipeline.train_model(epochs=10)
body = json.dumps({"rows": [pipeline.split["test"].drop(columns="target").iloc[0].to_dict()]}).encode()
with tempfile.TemporaryDirectory() as folder:
    pipeline.save(f"{folder}/cancer")
    with (
        served(Path(folder) / "cancer", explanations=False) as together,
        served(Path(folder) / "cancer", explanations=False, micro_batching=False) as alone,
    ):
        servers = {"with batching": together, "without": alone}
        load = press(together.url, body, CLIENTS, SECONDS)
        print(f"{CLIENTS} clients for {SECONDS:.0f} s: {load}")
        failed, ratios = load.failed, []
        for number in range(ROUNDS):
            found = {}
            for name in sorted(servers, reverse=number % 2 == 1):
                found[name] = press(servers[name].url, body, CLIENTS, SECONDS / 10)
                failed = failed + found[name].failed
                print(f"  {name:13} {found[name]}")
            ratios.append(found["with batching"].per_second / found["without"].per_second)
spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
print(f"throughput with batching against without: {statistics.median(ratios):.2f} ({spread})")
if failed:
    sys.exit(f"{len(failed)} requests failed, the first with {failed[0][:500]!r}")

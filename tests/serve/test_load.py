from __future__ import annotations

import json
from typing import Any

import pytest

from serve.conftest import Server
from serve.load import press

CLIENTS, SECONDS = 50, 10


@pytest.mark.slow
def test_fifty_clients_are_served_for_ten_seconds_without_an_error(server: Server, row: Any, capsys: Any) -> None:
    load = press(server.url, json.dumps({"rows": [row]}).encode(), CLIENTS, SECONDS)

    with capsys.disabled():
        print(f"\n{load}")
    assert load.failed == []
    assert len(load.times) > CLIENTS

"""An experiment in a process of its own: new, of one thread, so that forks of it are sound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def in_a_fresh_process(module: str, function: str, *arguments: Any) -> Any:
    """Call a function of a module in a new Python; arguments and result are what JSON has a form for.

    Raises:
        RuntimeError: If that process fails; holds what it said.
    """
    code = (
        "import sys, json, importlib\n"
        "module, function, arguments = json.loads(sys.argv[1])\n"
        "import torch; torch.set_num_threads(1)\n"
        "result = getattr(importlib.import_module(module), function)(*arguments)\n"
        "print('\\n' + json.dumps(result))\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        [sys.executable, "-c", code, json.dumps([module, function, arguments])],
        env=environment,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise RuntimeError(f"{module}.{function} exited with {ended.returncode}:\n{ended.stderr[-4000:]}")
    *said, result = ended.stdout.splitlines()
    print(*said, sep="\n")  # where pytest shows it if an assertion fails
    return json.loads(result)

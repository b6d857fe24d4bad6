from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from neurokit.bundle.interface import Input, Interface, Question

SOUND = Interface(
    (Input("numbers", "float32", (2,), ("age", "fare")), Input("words", "int64", (None,))),
    "keyword",
    (Question("survived", "binary", "sigmoid", 2, (0, 1)), Question("fare", "regression", mean=3.0, scale=2.0)),
    "logits",
)


def test_json_gives_the_same_interface_back() -> None:
    assert Interface.from_dict(json.loads(json.dumps(SOUND.to_dict()))) == SOUND


CHANGES: list[tuple[tuple[Any, ...], Any]] = [
    (("inputs",), []),
    (("inputs",), "numbers"),
    (("inputs", 0, "name"), ""),
    (("inputs", 1, "name"), "numbers"),
    (("inputs", 0, "dtype"), "object"),
    (("inputs", 0, "shape"), [-1]),
    (("inputs", 0, "shape"), [3]),
    (("inputs", 0, "shape"), [True, 2]),
    (("inputs", 0, "columns"), ["age", 3]),
    (("inputs", 0, "extra"), 1),
    (("passed",), "alone"),
    (("passed",), "by magic"),
    (("questions", 0, "kind"), "anything"),
    (("questions", 0, "activation"), "tanh"),
    (("questions", 0, "classes"), [0, 1, 2]),
    (("questions", 0, "classes"), [0, {}]),
    (("questions", 0, "num_classes"), -2),
    (("questions", 1, "scale"), "2"),
    (("questions", 1, "mean"), None),
    (("prediction",), 1.5),
    (("fields",), [{"name": "age"}]),
    (("unknown",), 1),
]


@pytest.mark.parametrize(("path", "value"), CHANGES, ids=[f"{path}-{value}" for path, value in CHANGES])
def test_what_is_no_interface_is_refused(path: tuple[Any, ...], value: Any) -> None:
    told = json.loads(json.dumps(SOUND.to_dict()))
    place = told
    for step in path[:-1]:
        place = place[step]
    before = copy.deepcopy(told)
    place[path[-1]] = value

    assert told != before
    with pytest.raises((ValueError, TypeError)):
        Interface.from_dict(told)

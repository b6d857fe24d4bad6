"""Refusals: why a step cannot be one program, in words that name the line."""

from __future__ import annotations

import re
from traceback import StackSummary

import torch
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException

REFUSED = (TorchDynamoException, FailOnRecompileLimitHit, AssertionError)  # the last where the compiler itself fails


class ReadsOptimizerError(Exception):
    """Code of a program reads an optimizer; another object updates the weights there, by settings that are tensors.

    The compiler passes its text on, which is in the form of the compiler's own.

    Args:
        stack: Where it is read.
    """

    def __init__(self, stack: StackSummary | None) -> None:
        place = "".join(stack.format()) if stack else ""
        super().__init__(
            "Explanation: it reads an optimizer, and in a program another object updates the weights. Keep what it "
            f"needs, such as the learning rate, as a tensor of your own, which a callback fills\n{place}"
        )


def told(error: BaseException) -> str:
    """Return what stands against a program, from what the compiler raised before anything ran."""
    text = str(error)
    if isinstance(error, FailOnRecompileLimitHit):
        limit = torch._dynamo.config.recompile_limit
        return f"something of it changes from step to step, and it was compiled {limit} times"
    if "CppCompiler" in text or "C++ compiler" in text:
        return "there is no C++ compiler in the PATH (install g++ or clang)"
    explained = re.search(r"Explanation: (.+)", text)
    what = explained[1] if explained else next((line for line in text.splitlines() if line.strip()), "")
    return " ".join(what.split())[:200].rstrip(".")

"""Finding: one thing that a check noticed, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """What a check noticed about a run.

    Attributes:
        level: ``"error"`` keeps ``fit`` from starting, or ends it; ``"warning"`` costs accuracy or makes a number
            wrong; ``"note"`` is worth knowing.
        message: What was seen, with its numbers, and the corrected line.
        code: The check's name, such as ``"double-softmax"``: its section in the documentation, and what
            ``fit(..., checks={"double-softmax": False})`` leaves out.

    Example:
        >>> print(Finding("warning", "Rows come sorted by class. Pass shuffle=True.", "sorted-labels"))
        warning sorted-labels: Rows come sorted by class. Pass shuffle=True.
    """

    level: Level
    message: str
    code: str = ""

    @property
    def docs(self) -> str:
        """Where the documentation explains it: a page and an anchor."""
        return f"diagnostics.html#{self.code}"

    def as_error(self) -> ValueError:
        """Return the error that ends a fit, with the check's name and how to leave it out."""
        return ValueError(
            f"{self.message} [{self.code}; fit(..., checks={{{self.code!r}: False}}) leaves this check out]"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as the run record keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Finding:
        """Return what ``to_json`` gave."""
        return cls(values["level"], values["message"], values.get("code", ""))

    def __str__(self) -> str:
        return f"{self.level} {self.code}: {self.message}"

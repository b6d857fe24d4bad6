"""Description: what is served, in words and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from neurokit.serve.limits import ServeLimits

if TYPE_CHECKING:
    from neurokit.bundle import Bundle


def summary(bundle: Bundle) -> str:
    """Return in one sentence what a bundle predicts."""
    asked = [f"{one.name or 'its answer'} ({one.kind or 'not known'})" for one in bundle.interface.questions]
    return f"Predicts {', '.join(asked)}."


def description(bundle: Bundle, limits: ServeLimits, why_not: str | None, example: Any, unknown: str) -> dict[str, Any]:
    """Return what ``/model`` tells.

    Args:
        bundle: What is served.
        limits: What a request may ask for.
        why_not: Why it is not explained; ``None`` where it is.
        example: A row to try.
        unknown: Whether unknown categories are refused.
    """
    told = bundle.interface.to_dict()
    return {
        "name": bundle.name, "kind": bundle.kind, "created": str(bundle.manifest.get("created", "")),
        "fields": None if bundle.fields is None else [one.to_dict() for one in bundle.fields],
        "inputs": told["inputs"], "targets": told["questions"], "explains": why_not is None, "why_not": why_not,
        "unknown_categories": unknown, "limits": asdict(limits), "metrics": _finite(_metrics(bundle)),
        "card": bundle.card, "example": example, "model_version": bundle.version,
    }  # fmt: skip


def _metrics(bundle: Bundle) -> dict[str, Any]:
    """What assessments found, by their names, and what the run's last and best epoch ended with."""
    found = {
        str(name): {metric: one.get("value") for metric, one in told["metrics"].items() if isinstance(one, dict)}
        for name, told in (bundle.record.get("assessments") or {}).items()
        if isinstance(told, dict) and isinstance(told.get("metrics"), dict)
    }
    last = bundle.record.get("metrics")
    return found | {"training": last} if isinstance(last, dict) and last else found


def _finite(value: Any) -> Any:
    """Plain values with null for what JSON has no word for."""
    if isinstance(value, dict):
        if value.keys() == {"$float"}:
            return None
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and value - value != 0 else value

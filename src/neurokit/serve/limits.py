"""ServeLimits: how much one request, and all of them together, may ask of a server."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class ServeLimits:
    """What a server takes before it refuses.

    Attributes:
        rows: In a request to ``/predict``.
        explained_rows: In a request to ``/explain``, which costs hundreds of predictions for each.
        body_bytes: Of a request.
        body_seconds: That a request may take to arrive.
        requests: Under way at once; one more is answered with 503. With ``body_bytes`` it bounds the memory that
            requests take.
        batch_rows: That are predicted together, from however many requests.
        queued_rows: That wait to be predicted; a request that would make them more is answered with 503.
        queued_explanations: Requests to ``/explain`` that wait for the one at work; one more is answered with 503.

    Example:
        >>> ServeLimits(rows=10).rows
        10
    """

    rows: int = 1000
    explained_rows: int = 20
    body_bytes: int = 4 << 20
    body_seconds: int = 30
    requests: int = 256
    batch_rows: int = 1024
    queued_rows: int = 20_000
    queued_explanations: int = 4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ValueError(f"ServeLimits({field.name}=...) is a whole number of at least 1, got {value!r:.40}.")

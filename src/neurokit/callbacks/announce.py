"""announce: a line for the user that does not tear a progress bar apart."""

from __future__ import annotations


def announce(text: str) -> None:
    """Print a line, above the progress bar where one is shown."""
    from tqdm import tqdm

    tqdm.write(text)

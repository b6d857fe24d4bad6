"""Markdown: tables, lists and code that stay what they are, whatever the names in them are.

Names of columns, classes and layers come from data, and data come from anywhere. So everything is escaped here, where
it is written out, and not where it is gathered: a caller passes plain values and cannot forget it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST_NAME = 120
_LONGEST_SENTENCE = 2000


def plain(value: Any, limit: int = _LONGEST_NAME) -> str:
    r"""Return any value as one line of printable text, shortened in the middle where it is longer than ``limit``.

    Example:
        >>> plain("mean\nradius")
        'mean radius'
    """
    kept = "".join(map(_printable, str(value)[: 100 * limit]))
    line = " ".join(kept.split())
    if len(line) <= limit:
        return line
    return f"{line[: limit - limit // 3 - 3]}...{line[-(limit // 3) :]}"


def _printable(character: str) -> str:
    """A character as it can be shown: ends of lines are spaces, what only changes directions is left out."""
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cs":  # half of a pair, which no file can hold
        return "\N{REPLACEMENT CHARACTER}"
    return "" if category == "Cf" else character


def escaped(value: Any, limit: int = _LONGEST_NAME) -> str:
    r"""Return any value as a line of Markdown that shows it as it is: no emphasis, link, HTML or cell border in it.

    Example:
        >>> escaped("a|b <script>")
        'a\\|b &lt;script&gt;'
    """
    line = plain(value, limit)
    line = re.sub(r"[\\`*\[\]|~$]", r"\\\g<0>", line)
    line = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)  # inside of a word it means nothing
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"^(#|[-+=](?=[-+= ]|$))", r"\\\1", line)  # a heading, a list, a rule
    return re.sub(r"^(\d+)([.)])(?= |$)", r"\1\\\2", line)


def paragraph(sentence: Any) -> str:
    """Return plain sentences as a paragraph."""
    return escaped(sentence, _LONGEST_SENTENCE)


def heading(title: str, depth: int) -> str:
    """Return a title as a heading; below the sixth depth there is none deeper."""
    return f"{'#' * min(depth, 6)} {escaped(title)}"


def table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: int | None = None, limit: int = _LONGEST_NAME
) -> str:
    """Return a table of plain values, or "" where there is no row.

    Args:
        header: What the columns are called.
        rows: Values for each column.
        numbers: The column from which on values stand to the right; ``None`` for none.
        limit: Characters of a cell, of which more are left out.

    Example:
        >>> print(table(["class", "rows"], [["cat", 3]], numbers=1))
        | class | rows |
        |---|---:|
        | cat | 3 |
    """
    written = [[escaped(cell, limit) for cell in row] for row in rows]
    if not written:
        return ""
    first_number = len(header) if numbers is None else numbers
    rule = "|".join("---:" if place >= first_number else "---" for place in range(len(header)))
    lines = [" | ".join(map(escaped, header)), *(" | ".join(row) for row in written)]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def bullets(sentences: Iterable[Any]) -> str:
    """Return plain sentences as a list."""
    return "\n".join(f"- {paragraph(sentence)}" for sentence in sentences)


def code(content: str, language: str = "") -> str:
    """Return text in a block of code, in a fence that it cannot close."""
    lines = "\n".join("".join(map(_printable, line)) for line in content.splitlines())
    longest = max(map(len, re.findall(r"`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def folded(summary: str, content: str) -> str:
    """Return Markdown that opens when its summary is clicked."""
    return f"<details>\n<summary>{escaped(summary)}</summary>\n\n{content}\n\n</details>"


def picture(file: str, title: str) -> str:
    """Return an image of a file beside the card."""
    from urllib.parse import quote

    return f"![{escaped(title)}]({quote(file)})"


_LINK = re.compile(r"\[[^\[\]\n]*\]\((?:https?://|mailto:)[^\s()<>]*\)")


def prose(answer: str) -> str:
    """Return what a person wrote: their Markdown, without HTML, pictures or headings, which would break the card.

    Emphasis, lists, code and links to ``http``, ``https`` and ``mailto`` stay.

    Example:
        >>> prose("**Not** for [triage](https://example.org). <b>")
        '**Not** for [triage](https://example.org). &lt;b>'
    """
    return "\n".join(map(_prose_line, answer.strip().splitlines()))


def _prose_line(line: str) -> str:
    line = "".join(map(_printable, line.replace("\t", "    "))).rstrip()
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    links = _LINK.findall(line)
    parts = [
        re.sub(r"!?\[", lambda found: "".join(f"\\{sign}" for sign in found[0]), part) for part in _LINK.split(line)
    ]
    for place, link in enumerate(links):
        if parts[place].endswith("!"):  # of a picture the link stays
            parts[place] = f"{parts[place][:-1]}\\!"
        parts[place] += link
    line = "".join(parts)
    line = re.sub(r"^(\s*)(#|=+$|-+$|-{3,}|~{3,}|`{3,})", r"\1\\\2", line)
    return line if len(line) - len(line.lstrip()) < 4 else line.lstrip()

"""Pages: a form to try the model with, and what the server answers, in words. Nothing is fetched from elsewhere."""

from __future__ import annotations

import html
import json
import secrets
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from neurokit.serve.requests import Unknown, has_time, takes_others

if TYPE_CHECKING:
    from neurokit.bundle import Bundle
    from neurokit.encoding import Field


def nonce() -> str:
    """Return what tells the page's own script and style from any that got into it."""
    return secrets.token_urlsafe(16)


@cache
def _file(name: str) -> str:
    return (resources.files("neurokit.serve") / "page" / name).read_text(encoding="utf-8")


def page_headers(own: str) -> dict[str, str]:
    """Return what keeps a page from everything that is not its own: only its nonce's script and style count."""
    policy = f"default-src 'none'; style-src 'nonce-{own}'; script-src 'nonce-{own}'; connect-src 'self'; img-src data:"
    return {
        "Content-Security-Policy": f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
    }  # fmt: skip


def form_page(bundle: Bundle, why_not: str | None, example: Any, own: str, unknown: Unknown = "refuse") -> str:
    """Return the page at ``/``.

    Args:
        bundle: What is served.
        why_not: Why it cannot explain; ``None`` where it can.
        example: A row to begin with.
        own: The nonce.
        unknown: Whether a category that training rows did not have may be asked about.
    """
    fields = bundle.fields
    target = ", ".join(one.name for one in bundle.interface.questions if one.name)
    told = {
        "fields": None if fields is None else [one.to_dict() for one in fields],
        "example": example, "explains": why_not is None and fields is not None,
        "target": target, "classifies": bundle.target is not None and bundle.target.kind != "regression",
    }  # fmt: skip
    parts = [_textarea(example)] if fields is None else [_input(at, one, unknown) for at, one in enumerate(fields)]
    return _filled(
        "form.html", own, title=html.escape(bundle.name), target=html.escape(target or "the answer"),
        inputs="\n".join(parts), version=bundle.version, data=_embedded(told),
        note="" if why_not is None or fields is None else html.escape(why_not),
    )  # fmt: skip


def _input(at: int, field: Field, unknown: Unknown) -> str:
    """One field: its label, what it takes, and a hint."""
    name, hint = html.escape(field.name), html.escape(_hint(field, unknown))
    ids = f'id="field-{at}" aria-describedby="hint-{at} error-{at}"' + ("" if field.nullable else " required")
    if field.type == "boolean":
        control = _choice(ids, field, [(False, "no"), (True, "yes")])
    elif field.type == "category" and takes_others(field, unknown):
        known = "".join(f'<option value="{html.escape(str(one))}"></option>' for one in field.categories or ())
        control = _box(f'{ids} list="known-{at}"', field, "text") + f'<datalist id="known-{at}">{known}</datalist>'
    elif field.type == "category":
        control = _choice(ids, field, [(one, str(one)) for one in field.categories or ()])
    elif field.type == "date":
        control = _box(f'{ids} step="1"', field, "datetime-local") if has_time(field) else _box(ids, field, "date")
    else:
        control = _box(f'{ids} inputmode="{"decimal" if field.type == "number" else "numeric"}"', field, "text")
    return (
        f'<div class="field"><label for="field-{at}">{name}</label>{control}'
        f'<p class="hint" id="hint-{at}">{hint}</p><p class="error" id="error-{at}"></p></div>'
    )


def _choice(ids: str, field: Field, options: list[tuple[Any, str]]) -> str:
    listed = "".join(
        f'<option value="{number}"{" selected" if value == field.example else ""}>{html.escape(text)}</option>'
        for number, (value, text) in enumerate(options)
    )
    empty = '<option value="">not known</option>' if field.nullable else ""
    return f"<select {ids}>{empty}{listed}</select>"


def _box(ids: str, field: Field, kind: str) -> str:
    value = "" if field.example is None else html.escape(_shown(field.example))
    return f'<input {ids} type="{kind}" value="{value}" autocomplete="off">'


def _hint(field: Field, unknown: Unknown) -> str:
    parts = []
    if field.minimum is not None and field.maximum is not None:
        parts.append(f"{_shown(field.minimum)} to {_shown(field.maximum)} in training")
    if field.type == "integer":
        parts.append("a whole number")
    if field.type == "category" and takes_others(field, unknown):
        parts.append("another than in training is read as not known")
    if field.nullable and field.type not in ("category", "boolean"):
        parts.append("empty if not known")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    """A value as people write it: six digits are enough for a hint or an example."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"


def _textarea(example: Any) -> str:
    text = html.escape(json.dumps(example))
    return (
        '<div class="field wide"><label for="row">One row, as JSON</label>'
        f'<textarea id="row" rows="8" spellcheck="false" aria-describedby="error-row">{text}</textarea>'
        '<p class="error" id="error-row"></p></div>'
    )


def docs_page(document: dict[str, Any], address: str, own: str) -> str:
    """Return the page at ``/docs``: every path with what it takes and answers, and a line for curl.

    Args:
        document: The OpenAPI document.
        address: Where the server was asked.
        own: The nonce.
    """
    parts = []
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            parts.append(_operation(method.upper(), path, told, address))
    schemas = document.get("components", {}).get("schemas", {})
    models = "".join(
        f"<details><summary><code>{html.escape(name)}</code></summary>"
        f"<pre>{html.escape(json.dumps(one, indent=2))}</pre></details>"
        for name, one in schemas.items()
    )
    info = document["info"]
    return _filled(
        "docs.html", own, title=html.escape(info["title"]), summary=html.escape(info.get("summary", "")),
        version=html.escape(info["version"]), operations="".join(parts), models=models,
    )  # fmt: skip


def _operation(method: str, path: str, told: dict[str, Any], address: str) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(str(status))}</td><td>{html.escape(answer.get('description', ''))}</td></tr>"
        for status, answer in told.get("responses", {}).items()
    )
    body = told.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = json.dumps(body["example"]) if "example" in body else ""
    curl = f"curl -s {address}{path}"
    if example:
        quoted = example.replace("'", "'\\''")
        curl += f" -H 'content-type: application/json' -d '{quoted}'"
    return (
        f"<section><h2><span>{method}</span> <code>{html.escape(path)}</code></h2>"
        f"<p>{html.escape(told.get('summary', ''))}</p><pre>{html.escape(curl)}</pre>"
        f"<table><thead><tr><th>status</th><th>meaning</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _embedded(value: Any) -> str:
    """JSON that can stand in a page: nothing in it ends the script."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _filled(name: str, own: str, **parts: str) -> str:
    text = _file(name)
    known = {"nonce": own, "style": _file("style.css"), "script": _file("form.js"), **parts}
    for part in text.split("{{")[1:]:  # in one pass: what is filled in is not looked through again
        assert part.partition("}}")[0] in known
    pieces = text.split("{{")
    return pieces[0] + "".join(known[one.partition("}}")[0]] + one.partition("}}")[2] for one in pieces[1:])

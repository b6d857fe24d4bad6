"""The built site as a reader opens it: in a real browser, at a desk and on a phone, and nothing is asked of elsewhere.

NEUROKIT_SITE says where ``scripts/docs`` has put it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

SITE = Path(os.environ.get("NEUROKIT_SITE", ""))
pytestmark = pytest.mark.skipif(
    not (SITE / "index.html").is_file(), reason="NEUROKIT_SITE names no site: scripts/docs OUT"
)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
OPENED = [
    "index.html", "tutorials/first_network.html", "scratch.html", "howto/index.html", "howto/errors.html",
    "explanation/shap.html", "play.html", "api.html", "generated/neurokit.Trainer.html",
]  # fmt: skip


def opened(browser: Any, page: str, **context: Any) -> Any:
    """A page of the site, with what it asked for elsewhere and complained of."""
    found = browser.new_context(**{"viewport": DESK, **context}).new_page()
    found.asked, found.said = [], []
    found.on("request", lambda one: found.asked.append(one.url) if not one.url.startswith(("file:", "data:")) else None)
    found.on("console", lambda one: found.said.append(one.text) if one.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: found.said.append(str(error)))
    found.goto((SITE / page).as_uri())
    found.wait_for_load_state("networkidle")
    return found


@pytest.mark.parametrize("page", OPENED)
@pytest.mark.parametrize(
    "context",
    [{}, {"viewport": PHONE}, {"color_scheme": "dark"}, {"viewport": PHONE, "color_scheme": "dark"}],
    ids=["desk", "phone", "desk in the dark", "phone in the dark"],
)
def test_a_page_opens_without_a_complaint_and_asks_nobody(browser: Any, page: str, context: dict[str, Any]) -> None:
    found = opened(browser, page, **context)

    assert (found.asked, found.said) == ([], [])
    wide = found.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "it scrolls sideways"
    light = found.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(one) for one in re.findall(r"\d+", light)[:3]]
    assert (sum(channels) < 200) == ("color_scheme" in context)
    found.context.close()


def test_mathematics_is_drawn(browser: Any) -> None:
    found = opened(browser, "scratch.html")
    found.wait_for_selector("mjx-container svg")

    assert found.locator("mjx-container").count() >= 8
    assert found.locator("mjx-merror").count() == 0


def test_code_can_be_copied_and_the_site_be_searched(browser: Any) -> None:
    found = opened(browser, "howto/resume.html")
    assert found.locator("button.copybtn").count() == found.locator("div.highlight").count() > 0

    results = opened(browser, "search.html")
    results.fill("input[name=q] >> nth=-1", "perceptron")
    results.press("input[name=q] >> nth=-1", "Enter")
    results.wait_for_selector("#search-results li a")
    assert "From neurons to networks" in results.inner_text("#search-results")


def test_no_page_names_a_file_of_elsewhere() -> None:
    """Links lead elsewhere; scripts, styles, pictures and fonts do not."""
    loaded = r"<(?:script|img|iframe|source)[^>]+src=[\"'](?:https?:)?//"
    linked = r"<link[^>]+href=[\"'](?:https?:)?//[^>]*(?:stylesheet|icon|preload)"
    named = re.compile(f"{loaded}|{linked}")
    found = [path.name for path in SITE.rglob("*.html") if named.search(path.read_text())]
    styles = [path.name for path in SITE.rglob("*.css") if re.search(r"url\([\"']?(?:https?:)?//", path.read_text())]

    assert (found, styles) == ([], [])


def test_links_within_the_site_lead_to_pages_and_places() -> None:
    lost = []
    ids = {path: set(re.findall(r'\bid="([^"]+)"', path.read_text())) for path in SITE.rglob("*.html")}
    for path in ids:
        for target in re.findall(r'<a[^>]+href="([^"]+)"', path.read_text()):
            if re.match(r"[a-z]+:|//", target) or target == "#":
                continue
            file, _, place = target.partition("#")
            other = (path.parent / file).resolve() if file else path
            if not other.exists() or (place and other in ids and place not in ids[other]):
                lost.append(f"{path.relative_to(SITE)}: {target}")

    assert lost == []

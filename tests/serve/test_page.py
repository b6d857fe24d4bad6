from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serve.conftest import Server, served

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]


class Page:
    """A page, with what it complained of and asked of others."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.complaints: list[str] = []
        self.asked: list[str] = []  # of anybody but this server
        self.page = browser.new_page(**options)
        self.page.on("console", lambda message: self._hear(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request",
            lambda request: None if request.url.startswith((url, "data:")) else self.asked.append(request.url),
        )
        self.page.goto(url)

    def _hear(self, message: Any) -> None:
        expected = "422" in message.text  # the browser says of every refusal that a request failed
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)


@pytest.fixture
def opened(browser: Any, server: Server) -> Iterator[Page]:
    page = Page(browser, server.url, viewport={"width": 1200, "height": 900})
    yield page
    page.page.close()
    assert page.complaints == []
    assert page.asked == []


def test_a_person_gets_a_prediction_its_probability_and_what_pushed_it(opened: Page, server: Server) -> None:
    page = opened.page
    page.get_by_label("class").select_option(label="first")
    page.get_by_label("rooms").fill("7")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("h3", timeout=60_000)

    row = {"age": None, "class": "first", "since": page.get_by_label("since").input_value(), "alone": False, "rooms": 7}
    row["age"] = float(page.get_by_label("age").input_value())
    row["alone"] = page.get_by_label("alone").input_value() == "true"
    _, answer = server.ask("/predict", {"rows": [row]})
    text = page.inner_text("#result")
    assert page.inner_text(".answer") == f"kept: {answer['predictions'][0]['prediction']}"
    probability = answer["predictions"][0]["probability"]
    shown = "over 99.9%" if 0.999 < probability < 1 else f"{100 * probability:.1f}%".replace(".0%", "%")
    assert f"with a probability of {shown}" in text
    assert "class = first" in text
    assert f"What pushed it towards {answer['predictions'][0]['prediction']}" in text
    _, why = server.ask("/explain", {"rows": [row]})
    for one in why["explanations"][0]["contributions"]:
        size = f"{abs(100 * one['contribution']):.1f}"
        sign = "" if size == "0.0" else "\u2212" if one["contribution"] < 0 else "+"
        assert f"\n{sign}{size} points" in text


def test_what_is_wrong_is_said_beside_its_field(opened: Page) -> None:
    page = opened.page
    page.get_by_label("rooms").fill("many")
    page.get_by_label("age").fill("")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector("#error-4:has-text('whole number')")

    assert page.inner_text("#error-4") == "It takes a whole number."
    assert page.get_by_label("rooms").get_attribute("aria-invalid") == "true"
    assert page.inner_text("#error-0") == ""
    page.get_by_label("rooms").fill("")
    page.get_by_role("button", name="Predict").click()
    assert page.inner_text("#error-4") == "This is needed."
    assert page.evaluate("document.activeElement.id") == "field-4"


def test_a_value_that_training_rows_did_not_have_is_said_and_taken(opened: Page) -> None:
    page = opened.page
    assert "outside" not in page.inner_text("#hint-4")
    page.get_by_label("rooms").fill("80")
    assert "this is outside" in page.inner_text("#hint-4")
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".answer")
    page.get_by_role("button", name="Start again").click()
    page.wait_for_selector("#hint-4:not(.beyond)")
    assert "outside" not in page.inner_text("#hint-4")
    assert page.inner_text("#result") == "Nothing asked yet."


def test_starting_again_forgets_what_was_asked(opened: Page) -> None:
    page = opened.page
    with page.expect_event("requestfailed") as given_up:
        page.evaluate("() => { const form = document.querySelector('form'); form.requestSubmit(); form.reset(); }")

    assert given_up.value.url.endswith("/predict")
    page.wait_for_selector("#ask:enabled")
    assert page.inner_text("#result") == "Nothing asked yet."
    page.get_by_role("button", name="Predict").click()
    page.wait_for_selector(".answer")


def test_the_keyboard_is_enough(opened: Page) -> None:
    page = opened.page
    page.get_by_label("age").focus()
    for _ in range(15):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "ask":
            break
    page.keyboard.press("Enter")

    page.wait_for_selector(".answer")


def test_names_from_a_table_are_text_and_not_markup(opened: Page) -> None:
    options = opened.page.locator("#field-1 option").all_inner_texts()

    assert "second & <b>last</b>" in options
    assert opened.page.locator("b").count() == 0


@pytest.mark.parametrize("path", ["/", "/docs"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(path: str, scheme: str, browser: Any, server: Server) -> None:
    page = Page(browser, server.url + path, viewport={"width": 360, "height": 700}, color_scheme=scheme)

    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.complaints == []
    assert page.asked == []
    page.page.close()


def test_a_model_of_arrays_takes_json(browser: Any, digits_folder: Path) -> None:
    with served(digits_folder) as running:
        page = Page(browser, running.url)
        page.page.get_by_role("button", name="Predict").click()
        page.page.wait_for_selector(".answer")
        page.page.get_by_label("One row").fill("[[")
        page.page.get_by_role("button", name="Predict").click()

        assert page.page.inner_text("#error-row").startswith("This is no JSON")
        assert page.complaints == []
        page.page.close()

"""The report as a reader sees it: opened in a real browser that may ask for nothing else."""

from __future__ import annotations

import pytest

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def opened(browser, tmp_path):
    """Open a report; return the page with what it asked for and complained of."""
    contexts = []

    def open_report(assessment, options=None, **context):
        path = assessment.to_html(tmp_path / f"report-{len(contexts)}.html", **(options or {}))
        contexts.append(browser.new_context(**{"viewport": DESKTOP, **context}))
        page = contexts[-1].new_page()
        page.asked, page.said = [], []

        def decide(route):
            if route.request.url == path.as_uri():
                return route.continue_()
            page.asked.append(route.request.url)
            return route.abort()

        page.route("**/*", decide)
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()


def check_drawn(page, figures):
    """Every figure shows its drawing: an SVG with a size of its own, and marks in it."""
    drawings = page.locator("figure .drawing")
    assert drawings.count() == page.locator("figure").count() >= 3
    for drawing in drawings.all():
        mark = ".main-svg :is(.trace path, .hm image)" if figures == "plotly" else "svg path"
        box = drawing.locator("svg").first.bounding_box()
        assert box["width"] > 150
        assert box["height"] > 90
        assert drawing.locator(mark).count() > 0


@pytest.mark.parametrize("figures", ["plotly", "svg"])
def test_every_panel_is_drawn_at_a_desk_and_on_a_phone_and_no_request_leaves(every, opened, figures):
    page = opened(every, {"figures": figures})
    check_drawn(page, figures)
    for name in ("performance", "importance", "predicted", "errors"):
        assert page.locator(f"#panel-{name}").bounding_box()["height"] > 80
    page.set_viewport_size(PHONE)
    page.wait_for_function("innerWidth === 390 && document.documentElement.scrollWidth <= 390")
    check_drawn(page, figures)
    widest = page.evaluate("""Math.max(...[...document.querySelectorAll('main *')]
        .filter(element => !element.closest('.scroll, svg')).map(element => element.getBoundingClientRect().right))""")
    assert widest <= PHONE["width"]
    assert page.asked == []
    assert page.said == []


def test_a_page_that_tries_is_stopped_by_its_own_policy(regression, opened):
    page = opened(regression, {"figures": "svg"})
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    page.evaluate("new Image().src = 'http://127.0.0.1:9/x.png'")
    page.wait_for_timeout(50)
    assert page.asked == []
    assert any("Content Security Policy" in said for said in page.said)


@pytest.mark.parametrize("figures", ["plotly", "svg"])
def test_hostile_names_are_shown_and_never_run(hostile, hostile_options, opened, figures):
    page = opened(hostile, {"figures": figures, **hostile_options}, viewport=PHONE)
    check_drawn(page, figures)
    assert page.evaluate("window.hacked") is None
    assert page.asked == page.said == []
    assert page.locator("h1").inner_text() == "<script>window.hacked=1</script>"
    assert page.locator("a, img, figure b").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    ticks = page.locator("#figure-importance-1 .drawing svg text").all_text_contents()
    assert any("<script>" in tick for tick in ticks)


def test_the_numbers_are_folded_on_screen_and_open_on_paper(binary, opened):
    page = opened(binary, {"figures": "plotly"})
    table = page.locator("#figure-performance-1 table")
    assert not table.is_visible()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert table.is_visible()
    assert page.locator("#figure-performance-1 .main-svg").first.bounding_box()["width"] == 470
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not table.is_visible()


def test_without_scripts_the_numbers_stand_in_for_the_figures(binary, opened):
    page = opened(binary, {"figures": "plotly"}, java_script_enabled=False)
    assert page.locator("#figure-performance-1 table").is_visible()
    assert not page.locator("#figure-performance-1 .interactive").is_visible()


def test_it_prints_on_a_few_sheets(binary, opened):
    page = opened(binary, {"figures": "svg"})
    printed = page.pdf(prefer_css_page_size=True)
    assert 2 <= printed.count(b"/Type /Page\n") <= 12

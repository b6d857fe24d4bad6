"""The pages to play with as a reader meets them: in Chromium, by http and by file, at a desk and on a phone."""

from __future__ import annotations

import functools
import http.server
import io
import json
import math
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch

from play.export_reference import REFERENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="the pages are built by npm, which is not in the PATH"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ROOT = Path(__file__).parents[2]
DESK, PHONE = {"width": 1100, "height": 900}, {"width": 390, "height": 844}
NAMES = ["activations", "architecture", "training"]
TORCH = json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([ROOT / "docs" / "play" / "build", folder / "play"], check=True, timeout=300)
    return folder


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def addresses(site: Path) -> Iterator[dict[str, str]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {"http": f"http://127.0.0.1:{server.server_port}", "file": site.as_uri()}
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Any:
    """One context for each set of options: pages that share it need not read p5 again, which is most of their start."""
    return functools.cache(lambda options: browser.new_context(**json.loads(options)))


@pytest.fixture
def opened(context: Any, addresses: dict[str, str]) -> Iterator[Any]:
    """Open a page; at the end, none may have complained or asked anybody but its own place."""
    pages, complaints, strangers = [], [], []

    def open_page(name: str, how: str = "http", **options: Any) -> Any:
        home = addresses[how]
        page = context(json.dumps({"viewport": DESK, "reduced_motion": "reduce", **options})).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: None if request.url.startswith((home, "data:")) else strangers.append(request.url),
        )
        page.goto(f"{home}/{name}")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []
    assert strangers == []


def _open(opened: Any, name: str, how: str = "http", **options: Any) -> Any:
    page = opened(f"play/{name}.html", how, **options)
    page.wait_for_function("window.sim && document.querySelector('canvas') && sim.state().frames > 0")
    return page


def _state(page: Any) -> dict[str, Any]:
    return page.evaluate("sim.state()")


def _picture(page: Any, number: int = 0) -> int:
    return page.evaluate(_HASH, number)


_HASH = """(number) => {
    const { width, height } = document.querySelectorAll('canvas')[number];
    const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(document.querySelectorAll('canvas')[number], 0, 0);
    const pixels = new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer);
    return pixels.reduce((hash, pixel) => (Math.imul(hash, 31) + pixel) | 0, 7);
}"""


def _slide(page: Any, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


# --- all three


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("how", "scheme", "paper"), [("http", "light", 255), ("file", "dark", 19)])
def test_a_page_opens_draws_and_then_rests(opened: Any, name: str, how: str, scheme: str, paper: int) -> None:
    page = _open(opened, name, how, color_scheme=scheme)
    frames = _state(page)["frames"]
    page.wait_for_timeout(250)

    assert _state(page)["frames"] == frames  # an idle page draws nothing
    assert page.evaluate("getComputedStyle(document.body).backgroundColor").startswith(f"rgb({paper},")
    corner = page.evaluate("[...document.querySelector('canvas').getContext('2d').getImageData(2, 2, 1, 1).data]")
    assert corner[0] == paper  # the picture follows the scheme as the page does
    words = page.locator("canvas").first.get_attribute("aria-labelledby")
    assert page.locator("canvas").first.get_attribute("role") == "img"
    assert len(page.inner_text(f"#{words}")) > 40
    assert page.get_attribute(f"#{words}", "aria-live") == "polite"
    before = _picture(page)
    page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    page.wait_for_function(f"({_HASH})(0) !== {before}")  # redrawn in the other colours


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_phone(opened: Any, name: str) -> None:
    page = _open(opened, name, viewport=PHONE, has_touch=True)
    if name == "activations":
        page.tap("#demo-toggle")
    if name == "architecture":
        page.select_option("#input-choice", "784")
        page.select_option("#output-choice", "10")
        _slide(page, "#depth", 5)
        _slide(page, "#size-1", 128)
        page.tap("#run")
    if name == "training":
        page.tap("#step")
        page.tap("summary")

    page.set_viewport_size({"width": 320, "height": 844})  # the narrowest, and about what a frame on a phone has
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    outside = page.evaluate(
        """[...document.querySelectorAll('main *')].filter((one) => !one.closest('pre') && one.offsetParent
            && one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert outside == []
    small = page.evaluate(
        """[...document.querySelectorAll('button, select, label, input[type=number]')]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML)"""
    )
    assert small == []


@pytest.mark.parametrize("name", NAMES)
def test_every_control_has_a_name_and_is_reached_by_tab(opened: Any, name: str) -> None:
    page = _open(opened, name)
    nameless = page.evaluate(
        """[...document.querySelectorAll('input, select, button')].filter((one) =>
            !(one.getAttribute('aria-label') || one.textContent.trim() && one.tagName === 'BUTTON'
              || [...(one.labels ?? [])].some((label) => label.textContent.trim()))).map((one) => one.outerHTML)"""
    )
    assert nameless == []
    wanted = page.evaluate(
        """[...document.querySelectorAll('input, select, button')].filter((one) => one.offsetParent && !one.disabled
            && (one.type !== 'radio' || one.checked)).map((one) => one.id)"""
    )
    reached = []
    for _ in range(len(wanted) + 4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))

    assert [one for one in reached if one in wanted][: len(wanted)] == wanted


def test_text_can_be_read_in_light_and_in_dark(opened: Any) -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: str, other: str) -> float:
        low, high = sorted((luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)

    page = _open(opened, "training", color_scheme="light")
    read = """Object.fromEntries([...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
        .find((rule) => rule.selectorText === ':root').styleMap.entries().map(([name]) => name)
        .filter((name) => name.startsWith('--'))
        .map((name) => [name.slice(2), getComputedStyle(document.documentElement).getPropertyValue(name).trim()]))"""
    seen = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate("delete document.documentElement.dataset.theme")
        seen[scheme] = page.evaluate(read)
        colours = seen[scheme]
        for ink in ("ink", "quiet", "accent"):
            for paper in ("page", "panel", "mark"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (scheme, ink, paper)
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        for curve in ("linear", "step", "sigmoid", "tanh", "relu", "leaky_relu", "softmax", "control", "gradient"):
            assert contrast(colours[curve], colours["page"]) >= 3, (scheme, curve)
    page.emulate_media(color_scheme="light")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(read) == seen["dark"] != seen["light"]  # what furo's switch gives is what the system gives


@pytest.mark.parametrize("how", ["http", "file"])
def test_pages_work_embedded_and_take_height_and_scheme_from_there(opened: Any, site: Path, how: str) -> None:
    frames = "".join(
        f'<iframe data-play src="play/{name}.html" title="{name}" style="width: 100%"></iframe>' for name in NAMES
    )
    (site / "embedding.html").write_text(
        f"<!doctype html><link rel='icon' href='data:,'><body data-theme='dark'>{frames}"
        "<script src='play/embed.js'></script>"
    )
    page = opened("embedding.html", how, color_scheme="light")
    inside = page.frames[1:]
    often = 50  # ms: a frame below the window is a stranger by file:, and gets no animation frames
    for frame in inside:
        frame.wait_for_function("document.documentElement.dataset.theme === 'dark' && window.sim", polling=often)
    assert len(inside) == 3
    for frame, element in zip(inside, page.locator("iframe").all(), strict=True):
        frame.wait_for_function("document.documentElement.scrollHeight <= innerHeight", polling=often)  # no scrolling
        assert 600 < element.bounding_box()["height"] < 2200
        assert frame.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 20, 22)"
        assert not frame.locator("h1").is_visible()  # the page around it has the title
    inside[2].click("#step")
    assert inside[2].evaluate("sim.state().done") == "zero"
    page.evaluate("document.body.dataset.theme = 'auto'")
    inside[0].wait_for_function(
        "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'", polling=often
    )


def test_the_folder_holds_p5_and_its_licence(site: Path) -> None:
    found = sorted(path.name for path in (site / "play").iterdir())

    assert found == sorted(
        [
            *(f"{name}.{ending}" for name in NAMES for ending in ("html", "js")),
            "embed.js",
            "p5.LICENSE.txt",
            "p5.min.js",
            "style.css",
        ]
    )
    assert "LESSER GENERAL PUBLIC LICENSE" in (site / "play" / "p5.LICENSE.txt").read_text()
    assert not re.search(r"https?://", "".join((site / "play" / f"{name}.js").read_text() for name in NAMES))


# --- the activation function explorer


def test_x_moves_by_slider_number_keyboard_and_finger_and_every_value_is_pytorchs(opened: Any) -> None:
    page = _open(opened, "activations")
    grid, values = TORCH["activations"]["grid"], TORCH["activations"]["values"]
    for x in (-4.0, -0.25, 0.0, 2.5, 40.0, -1000.0):
        page.locator("#x-exact").fill(str(x))
        state = _state(page)
        assert state["x"] == x
        for name, found in state["values"].items():
            expected = values["leaky_relu 0.1" if name == "leaky_relu" else name]
            assert found["value"] == pytest.approx(expected["values"][grid.index(x)], abs=1e-12)
            assert found["slope"] == pytest.approx(expected["slopes"][grid.index(x)], abs=1e-12)
    assert "outside the picture" in state["words"]

    _slide(page, "#x", 2.5)
    assert _state(page)["x"] == 2.5
    assert page.input_value("#x-exact") == "2.5"
    assert page.inner_text("#value-sigmoid") == "0.924"
    page.focus("#x")
    page.keyboard.press("ArrowLeft")
    assert _state(page)["x"] == 2.45
    page.keyboard.press("Home")
    assert _state(page)["x"] == -5
    box = page.locator("#curves .canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 100)
    assert abs(_state(page)["x"]) < 0.5


def test_one_chooses_what_is_drawn_and_what_is_looked_at(opened: Any) -> None:
    page = _open(opened, "activations")
    assert _state(page)["shown"] == ["sigmoid", "tanh", "relu"]
    before = _picture(page)
    page.check("#show-softmax")
    assert _state(page)["shown"] == ["sigmoid", "tanh", "relu", "softmax"]
    assert _picture(page) != before
    page.focus("#look-sigmoid")
    page.keyboard.press("ArrowUp")
    assert _state(page)["highlighted"] == "step"  # and it is drawn from now on
    assert page.is_checked("#show-step")
    assert "No gradient passes" in _state(page)["words"]
    page.uncheck("#show-step")
    assert _state(page)["highlighted"] == "sigmoid"
    for name in ("sigmoid", "tanh", "relu", "softmax"):
        page.uncheck(f"#show-{name}")
    assert _state(page)["highlighted"] is None
    assert "No function is drawn" in page.inner_text("#words")
    page.check("#show-linear")
    assert _state(page)["highlighted"] == "linear"


def test_derivatives_annotations_height_and_leak_change_the_picture(opened: Any) -> None:
    page = _open(opened, "activations")
    assert "Its slope is under 0.05 below \u22122.89 and above 2.89 (shaded)." in page.inner_text("#note")
    seen = [_picture(page)]
    for act in (
        lambda: page.check("#derivatives"),
        lambda: page.uncheck("#annotations"),
        lambda: _slide(page, "#y-limit", 5),
        lambda: page.check("#look-leaky_relu"),
        lambda: _slide(page, "#leak", 0.3),
    ):
        act()
        seen.append(_picture(page))

    assert len(set(seen)) == len(seen)
    state = _state(page)
    assert (state["derivatives"], state["annotations"], state["yLimit"], state["leak"]) == (True, False, 5, 0.3)
    _slide(page, "#x", -2)
    assert _state(page)["values"]["leaky_relu"] == {"value": -0.6, "slope": 0.3}
    page.check("#look-relu")
    assert "below 0" in page.inner_text("#note")


def test_pointing_at_a_curve_tells_its_value(opened: Any) -> None:
    page = _open(opened, "activations")
    box = page.locator("#curves .canvas").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + box["height"] - 100)
    page.mouse.move(box["x"] + box["width"] * 0.515, box["y"] + box["height"] * 0.32)

    assert "slope" in page.inner_text("#curves .tip")
    page.mouse.move(5, 5)
    assert not page.locator("#curves .tip").is_visible()


def test_linear_layers_collapse_into_one_and_others_refuse(opened: Any) -> None:
    page = _open(opened, "activations")
    page.focus("#demo-toggle")
    page.keyboard.press("Enter")
    demo = _state(page)["demo"]
    assert demo["open"]
    assert demo["gap"] < 1e-12
    before = _picture(page, 1)
    page.click("#multiply")
    demo = _state(page)["demo"]
    assert (demo["stage"], demo["refused"], demo["moving"]) == (2, False, False)
    assert "the 22 numbers are two" in demo["words"]
    assert _picture(page, 1) != before
    page.click("#other")
    assert _state(page)["demo"]["stage"] == 0
    assert _state(page)["demo"]["slope"] != demo["slope"]
    for between in ("relu", "leaky_relu", "tanh", "sigmoid"):
        page.select_option("#between", between)
        page.click("#multiply")
        demo = _state(page)["demo"]
        assert (demo["stage"], demo["refused"]) == (0, True)
        assert demo["gap"] > 0.01
        assert "do not multiply out" in demo["words"]


# --- the architecture builder


PRESETS = {
    "simple": ([4, 8, 1], 49),
    "chapter": ([4, 8, 4, 1], 81),
    "deep": ([4, 32, 16, 8, 1], 833),
    "wide": ([4, 128, 1], 769),
    "classification": ([4, 16, 8, 3], 243),
}


def test_presets_have_the_numbers_that_pytorch_counts(opened: Any) -> None:
    page = _open(opened, "architecture")
    for preset, (sizes, parameters) in PRESETS.items():
        page.focus(f"#preset-{preset}")
        page.keyboard.press("Space")
        state = _state(page)

        assert state["sizes"] == sizes
        assert state["parameters"] == parameters == sum(layer["parameters"] for layer in state["layers"])
        assert page.inner_text("#total-parameters") == str(parameters)
        assert page.get_attribute(f"#preset-{preset}", "aria-pressed") == "true"
        assert page.locator("[aria-pressed=true]").count() == 1
        program: dict[str, Any] = {}
        exec(page.inner_text("#program"), program)
        assert sum(parameter.numel() for parameter in program["model"].parameters()) == parameters
        assert program["model"](torch.zeros(5, sizes[0])).shape == (5, sizes[-1])


def test_layers_sizes_and_activations_follow_their_controls(opened: Any) -> None:
    page = _open(opened, "architecture")
    assert _state(page)["sizes"] == [4, 8, 4, 1]
    page.focus("#depth")
    page.keyboard.press("ArrowRight")
    assert _state(page)["sizes"] == [4, 8, 4, 4, 1]
    assert page.evaluate("document.activeElement.id") == "depth"
    page.keyboard.press("Home")
    assert _state(page)["sizes"] == [4, 8, 1]
    _slide(page, "#depth", 5)
    _slide(page, "#size-2", 128)
    page.select_option("#activation-2", "tanh")
    page.select_option("#input-choice", "784")
    page.select_option("#output-choice", "10")
    state = _state(page)
    assert state["sizes"] == [784, 8, 128, 4, 4, 4, 10]
    assert state["hidden"] == ["relu", "tanh", "relu", "relu", "relu"]
    assert state["task"] == "classes"
    counted = sum(a * b + b for a, b in zip(state["sizes"], state["sizes"][1:], strict=False))
    assert page.inner_text("#total-parameters") == f"{counted:,}".replace(",", "\u202f")
    assert "nn.Linear(8, 128), nn.Tanh()," in state["program"]
    page.select_option("#input-choice", "custom")
    page.locator("#inputs").fill("13")
    page.select_option("#output-choice", "custom")
    page.locator("#classes").fill("7")
    page.locator("#classes").fill("-3")  # no number of classes: what was there stays
    page.keyboard.press("Tab")
    assert _state(page)["sizes"] == [13, 8, 128, 4, 4, 4, 7]
    assert page.input_value("#classes") == "7"
    page.select_option("#output-choice", "binary")
    assert _state(page)["sizes"][-1] == 1
    assert 'loss="bce_with_logits"' in page.inner_text("#program")
    for number in range(1, 6):
        page.select_option(f"#activation-{number}", "linear")
    assert "no more than one linear layer" in page.inner_text("#remarks")


def test_a_row_goes_through_layer_by_layer_and_at_once(opened: Any) -> None:
    page = _open(opened, "architecture")
    page.click("#preset-classification")
    untouched = _picture(page)
    seen = {untouched}
    for reached in range(4):
        page.click("#next")
        assert _state(page)["reached"] == reached
        seen.add(_picture(page))
    assert len(seen) == 5
    shares = _state(page)["activations"][-1]
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert f"it says class {shares.index(max(shares)) + 1}" in page.inner_text("#words")
    page.click("#preset-chapter")
    assert _state(page)["reached"] == -1
    page.click("#run")
    state = _state(page)
    assert (state["reached"], state["moving"]) == (3, False)
    hidden = state["activations"][0]
    assert min(hidden) == 0 < max(hidden)  # ReLU
    row = state["row"]
    page.click("#row")
    assert _state(page)["row"] != row
    assert "The network answers" in page.inner_text("#words")
    page.click("#fresh")
    assert _state(page)["reached"] == -1


def test_training_a_little_lowers_the_loss_and_moves_the_lines(opened: Any) -> None:
    page = _open(opened, "architecture")
    for preset in PRESETS:
        page.click(f"#preset-{preset}")
        before = _picture(page)
        page.click("#train")
        trained = _state(page)["trained"]
        assert trained["steps"] == 100
        assert trained["after"] < 0.9 * trained["before"]
        assert _picture(page) != before
    page.select_option("#input-choice", "784")
    _slide(page, "#size-1", 128)
    page.select_option("#output-choice", "10")
    page.click("#train")
    trained = _state(page)["trained"]
    assert trained["after"] < trained["before"]


def test_pointing_at_the_network_tells_neurons_and_weights(opened: Any) -> None:
    page = _open(opened, "architecture")
    page.click("#preset-wide")
    box = page.locator("#network .canvas").bounding_box()
    texts = set()
    for step in range(30):
        page.mouse.move(box["x"] + box["width"] * step / 30, box["y"] + box["height"] * 0.5)
        if page.locator("#network .tip").is_visible():
            texts.add(page.inner_text("#network .tip"))

    assert any(re.match(r"weight .*\nfrom input neuron \d to hidden 1 neuron \d+", text) for text in texts)
    assert any(text.startswith("Output, neuron 1\n128 weights and a bias of 0") for text in texts)


# --- the training loop


def test_five_presses_of_step_are_one_iteration(opened: Any) -> None:
    page = _open(opened, "training")
    start = _state(page)
    assert (start["done"], start["next"], len(start["weights"])) == (None, "zero", 17)
    assert "Step 1 comes next" in start["words"]
    page.focus("#step")
    cards, words = [], set()
    for key in ("zero", "forward", "loss", "backward", "update"):
        page.keyboard.press("Enter")
        state = _state(page)
        assert state["done"] == key
        cards.append(page.locator("#steps [aria-current=step]").get_attribute("id"))
        words.add(state["words"])
        moved = [i for i, (a, b) in enumerate(zip(start["weights"], state["weights"], strict=True)) if a != b]
        assert len(moved) == (17 if key == "update" else 0)
    assert cards == ["card-zero", "card-forward", "card-loss", "card-backward", "card-update"]
    assert len(words) == 5
    assert state["gradients"] == pytest.approx(TORCH["training"][0]["first_gradients"], abs=1e-12)
    assert state["batchLoss"] == pytest.approx(TORCH["training"][0]["losses"][0], abs=1e-12)
    assert page.inner_text("#iteration-number") == page.inner_text("#updates") == "1"
    page.click("#step")
    assert _state(page)["gradients"] == [0] * 17
    assert page.inner_text("#batch-loss") == "\u2013"
    page.click("#iteration")
    assert (_state(page)["updates"], _state(page)["next"]) == (2, "zero")
    page.click("#epoch")
    assert (_state(page)["updates"], _state(page)["epochs"]) == (4, 1)


def test_the_weights_on_the_page_are_pytorchs_after_every_run(opened: Any) -> None:
    page = _open(opened, "training")
    expected = TORCH["training"][0]
    page.click("#epoch")
    assert _state(page)["weights"] == pytest.approx(expected["weights_after_each_epoch"][0], abs=1e-12)
    page.click("#restart")
    assert _state(page)["losses"] == []
    page.click("#epochs")
    state = _state(page)
    assert state["weights"] == pytest.approx(expected["weights_after_each_epoch"][24], abs=1e-12)
    assert state["losses"] == pytest.approx(expected["losses"], abs=1e-12)
    assert state["correct"] == expected["correct"] == 32
    assert "After 25 epochs the average loss is 0.145 and 32 of 32 points are right." in state["words"]
    assert page.inner_text("#average-loss") == "0.145"

    page.click("#restart")
    _slide(page, "#learning-rate", 9)
    for _ in range(3):
        page.click("#epoch")
    state = _state(page)
    assert state["learningRate"] == 10
    assert state["weights"] == pytest.approx(TORCH["training"][1]["weights_after_each_epoch"][2], abs=1e-11)
    assert max(state["losses"]) > 4  # too large a rate jumps

    page.click("#restart")
    _slide(page, "#learning-rate", 2)
    page.check("#forget")
    for _ in range(6):
        page.click("#epoch")
    expected = TORCH["training"][2]
    assert _state(page)["weights"] == pytest.approx(expected["weights_after_each_epoch"][5], abs=1e-12)


def test_the_program_on_the_page_prints_the_pages_average_twice(opened: Any) -> None:
    page = _open(opened, "training")
    page.click("#epochs")
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exec(_state(page)["program"], {})
    finally:
        torch.set_default_dtype(torch.float32)

    average = f"average loss {_state(page)['averageLoss']:.4f}"
    assert printed.getvalue().splitlines() == [average, average]
    page.click("summary")
    assert "prints, twice, the mean loss of the last finished epoch" in page.inner_text("#program-hint")
    _slide(page, "#learning-rate", 8)
    assert "Start again to compare" in page.inner_text("#program-hint")
    page.click("#restart")
    assert "prints, twice" in page.inner_text("#program-hint")


def test_forgetting_step_1_breaks_a_run_that_was_fine(opened: Any) -> None:
    page = _open(opened, "training")
    _slide(page, "#learning-rate", 8)
    page.click("#epochs")
    assert _state(page)["epochLosses"][-1] < 0.05
    page.click("#restart")
    page.check("#forget")
    page.click("#step")
    assert "Step 1 is left out" in _state(page)["words"]
    page.click("#epochs")
    losses = _state(page)["epochLosses"]
    assert min(losses[:5]) < 0.05
    assert losses[-1] > 5


def test_the_views_of_the_weights_and_what_pointing_tells(opened: Any) -> None:
    page = _open(opened, "training")
    page.click("#epochs")
    bars = _picture(page)
    page.select_option("#view", "histogram")
    assert _picture(page) != bars
    box = page.locator("#training .canvas").bounding_box()
    texts = set()
    for step in range(40):
        page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * step / 40)
        if page.locator("#training .tip").is_visible():
            texts.add(page.inner_text("#training .tip"))
    page.select_option("#view", "bars")
    page.mouse.move(box["x"] + 46 + (box["width"] - 60) * 6.5 / 17, box["y"] + box["height"] * 0.75)  # the seventh bar
    texts.add(page.inner_text("#training .tip"))

    bar = r"weight from input 1 to hidden 4: .*\ngradient .*moves it by"
    for pattern in (r"iteration \d+: loss 0\.", r"\d weights? between", bar):
        assert any(re.match(pattern, text) for text in texts), (pattern, texts)


# --- motion


def test_with_less_motion_states_jump(opened: Any) -> None:
    page = _open(opened, "training", reduced_motion="reduce")
    page.click("#epoch")
    state = _state(page)
    assert (state["epochs"], state["moving"], state["running"]) == (1, False, None)
    assert page.is_disabled("#speed")


def test_with_motion_things_flow_can_be_paused_and_end_at_the_same_place(opened: Any) -> None:
    page = _open(opened, "training", reduced_motion="no-preference")
    _slide(page, "#speed", 1)
    assert _state(page)["speed"] == 0.5
    page.click("#epoch")
    assert _state(page)["moving"]
    assert page.inner_text("#epoch") == "Pause"
    page.wait_for_function("sim.state().done === 'forward'")
    assert page.get_attribute("#words", "aria-live") == "off"  # nobody could listen that fast
    page.click("#epoch")
    assert page.get_attribute("#words", "aria-live") == "polite"
    paused = _state(page)
    assert not paused["moving"]
    assert paused["updates"] < 4
    page.wait_for_timeout(100)
    assert _state(page)["weights"] == paused["weights"]
    assert _state(page)["done"] == paused["done"]
    _slide(page, "#speed", 4)
    page.click("#epoch")
    page.wait_for_function("sim.state().running === null && sim.state().epochs === 1")
    expected = TORCH["training"][0]["weights_after_each_epoch"][0]
    assert _state(page)["weights"] == pytest.approx(expected, abs=1e-12)
    frames = _state(page)["frames"]
    page.wait_for_timeout(200)
    assert _state(page)["frames"] == frames

    builder = _open(opened, "architecture", reduced_motion="no-preference")
    builder.click("#run")
    assert _state(builder)["moving"]
    builder.click("#preset-simple")  # any other choice ends it
    assert (_state(builder)["moving"], _state(builder)["reached"]) == (False, -1)

    explorer = _open(opened, "activations", reduced_motion="no-preference")
    explorer.click("#demo-toggle")
    explorer.click("#multiply")
    explorer.wait_for_function("sim.state().demo.moving && sim.state().demo.stage > 0.2 && sim.state().demo.stage < 2")
    explorer.wait_for_function("sim.state().demo.stage === 2")
    assert math.isclose(_state(explorer)["demo"]["gap"], 0, abs_tol=1e-12)

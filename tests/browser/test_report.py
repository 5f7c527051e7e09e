"""The report in a browser: looked at, played, filtered, by mouse and by keyboard."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsers
import pytest
import report_datasets

from repscore.pipelines.report_page.page import write_report

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hit=1>\"'&\u202egpj.mp4"
OPENED_WITHIN_S = 3.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def report(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squats with a short last one beside the page, squats under a hostile name, a failure."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "squats #1.mp4").write_bytes(b"no video that a browser could play")
    clips = {
        str(folder / "squats #1.mp4"): report_datasets.squats(),
        f"/films/{HOSTILE}": report_datasets.squats(short=False, repetitions=3, seed=1),
    }
    root = report_datasets.write(folder / "dataset", clips, failed=f"/films/broken {HOSTILE}")
    write_report(str(root), str(folder / "report.html"))
    return folder / "report.html"


class Watched:
    """A page, and what must not happen on it."""

    def __init__(self, browser: Any, report: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda message: self._said(message))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(report.as_uri())

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith("file://"):
            self.faults.append(f"request: {url}")


@pytest.fixture
def watched(browser: Any, report: Path) -> Iterator[Watched]:
    opened = Watched(browser, report, viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()
    assert opened.faults == []


def open_squats(page: Any) -> None:
    page.get_by_role("link", name="squats #1.mp4").click()
    page.get_by_role("heading", name="squats #1.mp4").wait_for()


def test_a_repetition_plays_beside_the_expected_one(watched: Watched) -> None:
    page = watched.page
    open_squats(page)
    page.get_by_role("button", name=re.compile("Repetition 5 .*lies apart")).click()

    def knee() -> str:
        return str(page.locator("#body circle.left").nth(3).get_attribute("cy"))

    before = knee()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "before => document.querySelectorAll('#body circle.left')[3].getAttribute('cy') !== before",
        arg=before,
    )
    page.get_by_role("button", name="Pause").click()
    still = knee()
    page.wait_for_timeout(100)
    assert knee() == still
    page.locator("#at").fill("500")
    assert "of 2." in page.locator("#clock").inner_text()
    assert page.get_by_text(re.compile("the set.s median")).is_visible()
    assert page.locator("#remarks li").count() >= 1
    assert page.locator("table.heat tbody tr").count() > 8
    link = page.get_by_role("link", name=re.compile("Open the video at")).get_attribute("href")
    assert re.fullmatch(r"squats%20%231\.mp4#t=[\d.]+", link)


def test_a_click_into_the_signal_chooses_the_repetition_there(watched: Watched) -> None:
    page = watched.page
    open_squats(page)
    repetitions = page.evaluate("current.data.repetitions.map(each => [each.start_s, each.end_s])")
    over = page.locator(".signal .u-over")
    middle = sum(repetitions[2]) / 2
    x = page.evaluate("at => current.charts[0].valToPos(at, 'x')", middle)

    over.click(position={"x": x, "y": 40})

    assert page.locator("#repetition-title").inner_text().startswith("Repetition 3")


def test_filters_and_order(watched: Watched) -> None:
    page = watched.page
    names = page.locator("#list tbody th")
    assert names.count() == 2
    page.get_by_label("Score from").fill("90")
    assert names.all_inner_texts() == [HOSTILE.replace("\u202e", "\\u202e")]
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Name").fill("SQUATS")
    assert names.all_inner_texts() == ["squats #1.mp4"]
    assert page.locator("#found").inner_text() == "1 of 2 videos, 5 repetitions"
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Date from").fill("2026-03-05")
    assert names.count() == 0
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="repetitions").click()
    assert names.all_inner_texts()[1] == "squats #1.mp4"
    page.get_by_role("button", name="repetitions").click()
    assert names.all_inner_texts()[0] == "squats #1.mp4"


def test_the_theme_changes_and_stays(watched: Watched) -> None:
    page = watched.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch to dark colours").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark


def test_the_keyboard_is_enough(watched: Watched) -> None:
    page = watched.page

    def focused() -> str:
        return str(page.evaluate("document.activeElement.textContent.trim()"))

    page.keyboard.press("Tab")
    assert focused() == "Skip to the videos"
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused() == "squats #1.mp4":
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="squats #1.mp4").wait_for()
    assert page.evaluate("document.activeElement.id") == "video-title"
    for _ in range(30):
        page.keyboard.press("Tab")
        if "repetition" in str(page.evaluate("document.activeElement.className")):
            break
    page.keyboard.press("ArrowRight")
    assert page.locator("#repetition-title").inner_text().startswith("Repetition 2")
    page.get_by_role("button", name="All videos").press("Enter")
    page.wait_for_function("document.activeElement.textContent === 'squats #1.mp4'")


def test_hostile_names_stay_text(watched: Watched) -> None:
    page = watched.page
    shown = HOSTILE.replace("\u202e", "\\u202e")
    page.get_by_role("link", name=shown, exact=True).click()
    assert page.locator("#video-title").inner_text() == shown
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Any, report: Path, scheme: str) -> None:
    opened = Watched(browser, report, color_scheme=scheme, bypass_csp=True)
    overview = browsers.serious_faults(opened.page)
    open_squats(opened.page)
    video = browsers.serious_faults(opened.page)
    opened.context.close()

    assert (overview, video) == ([], [])


def test_a_phone_needs_no_sideways_scrolling(browser: Any, report: Path) -> None:
    opened = Watched(browser, report, viewport={"width": 360, "height": 740}, has_touch=True)
    wide = "document.documentElement.scrollWidth"
    overview = opened.page.evaluate(wide)
    open_squats(opened.page)
    video = opened.page.evaluate(wide)
    opened.context.close()

    assert overview <= 360
    assert video <= 360


def test_the_page_opens_at_once(browser: Any, report: Path) -> None:
    started_s = time.monotonic()
    opened = Watched(browser, report)
    opened.page.locator("#list tbody th").first.wait_for()
    opened.context.close()

    assert time.monotonic() - started_s < OPENED_WITHIN_S

"""The report as a browser shows it: on a desk and a phone, in light and dark, on paper; by itself, and harmless.

Needs Chromium from the system (Debian: ``apt-get install chromium``); skips without.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pulse.core.home import Home
from pulse.reports import LostVersion, write_report
from report_samples import BUILT_AT, MONTH, NAUGHTY, kpi_rows, month_of_marts

pytestmark = pytest.mark.integration

WIDTHS_PX = (1280, 360)
COMMUNITIES_N = len(NAUGHTY) + 6
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What is published of the first days of the month, so that a strip has each state.
STATES = (
    "posts = null, comments = null, is_day_complete = false, outcome = null",
    "is_day_complete = false, outcome = 'partial'",
    "posts = 0, comments = 0, outcome = 'empty'",
    "posts = 0, comments = 0, outcome = 'empty', is_silent_everywhere = true",
)

# What sticks out to the right, without what scrolls inside its own box or is hidden on purpose.
STICKING_OUT = """
() => [...document.querySelectorAll('body *')]
    .filter(e => !e.closest('.scroll, .skip, .hidden, details:not([open]) > :not(summary)'))
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => e.outerHTML.slice(0, 120))
"""
# Contrast by WCAG 2 of every text that shows, against the nearest background that is not transparent.
FAINT_TEXTS = """
() => {
    const parts = colour => colour.match(/[0-9.]+/g).map(Number)
    const luminance = colour => {
        const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
        const [r, g, b] = parts(colour).map(c => linear(c / 255))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const ground = e => {
        for (; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor
            if (parts(colour).length < 4 || parts(colour)[3] > 0) return colour
        }
        return 'rgb(255, 255, 255)'
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const seen = {n: 0, faint: []}
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement
        if (!texts.currentNode.data.trim() || !e.getClientRects().length) continue
        const style = getComputedStyle(e)
        const [low, high] = [luminance(e.tagName === 'text' ? style.fill : style.color), luminance(ground(e))]
            .sort((a, b) => a - b)
        seen.n += 1
        if ((high + 0.05) / (low + 0.05) < 4.5) seen.faint.push(texts.currentNode.data.slice(0, 60))
    }
    return seen
}
"""
# What a page break may cut.
CUT_IN_TWO = """
() => [...document.querySelectorAll('.panel, .card, .turn')]
    .filter(e => getComputedStyle(e).breakInside !== 'avoid')
    .map(e => e.outerHTML.slice(0, 120))
"""


@dataclass
class Watched:
    """A page, and all that it did besides showing itself."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A month whose most active communities, and whose people, mean harm."""
    names = [*NAUGHTY, "tea", "w" * 200, "trail_feet_ul", "crumb club", "inkandnib", "balconygreens"]
    assert len(names) == COMMUNITIES_N
    kpis = [row for place, name in enumerate(names) for row in kpi_rows(name, size=1 / (1 + place))]
    kpis += [{**row, "value": None, "caveat": "comments_not_read"} for row in kpi_rows("*") if row["kpi"] == "comments"]
    home = Home(tmp_path_factory.mktemp("report")).create()
    with month_of_marts(names, quote=" ".join(NAUGHTY) + "w" * 200) as connection:
        for day, columns in enumerate(STATES, start=1):
            connection.execute(f"update marts.fct_community_daily set {columns} where day(contribution_date) = {day}")
        connection.execute("update marts.fct_community_daily set comments = null where community = 'tea'")
        lost = [LostVersion(1, is_of_figures=True, is_set_aside=True)]
        of_all = [row for row in kpi_rows("*") if row["kpi"] != "comments"]
        files = write_report(home, MONTH, of_all + kpis, lost=lost, connection=connection, clock=lambda: BUILT_AT)
    return files.page.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    found = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    if found is None:
        pytest.skip(f"no Chromium here, looked for {', '.join(_CHROMIUMS)}: `apt-get install chromium` brings it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found)
        yield started
        started.close()


def opened(browser: Any, address: str, *, width_px: int = 1280, scheme: str = "light") -> Watched:
    page = browser.new_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)
    watched = Watched(page)
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on("console", lambda message: watched.complaints.append(message.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (watched.complaints.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    return watched


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_page__fits_its_width_asks_for_nothing_and_has_nothing_to_complain_of(
    browser: Any, address: str, width_px: int
):
    watched = opened(browser, address, width_px=width_px)
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate(STICKING_OUT) == []
    strips = page.locator(".strips svg.days")
    assert strips.count() == COMMUNITIES_N
    assert strips.first.locator("path").count() == len(STATES) + 2
    assert 200 < strips.first.bounding_box()["width"] <= width_px
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert watched.requests == [address], "a report is one file"
    assert watched.complaints == []
    assert page.locator("h1").inner_text() == "Communities in October 2026"
    assert "<script>alert('a')</script>" in page.locator("main").inner_text(), "hostile names are shown, as text"
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts__stand_out_from_their_ground(browser: Any, address: str, scheme: str):
    page = opened(browser, address, scheme=scheme).page
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[scheme]
    seen = page.evaluate(FAINT_TEXTS)
    assert seen["n"] > 500, "the test has to look at something"
    assert seen["faint"] == []
    page.close()


def test_paper__gets_a_light_page_of_whole_charts_without_what_only_a_screen_can_use(
    browser: Any, address: str, tmp_path: Path
):
    page = opened(browser, address, scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(FAINT_TEXTS)["faint"] == []
    assert page.locator("nav").is_hidden()
    assert page.evaluate(CUT_IN_TWO) == []
    content = page.pdf(prefer_css_page_size=True)
    assert content.startswith(b"%PDF")
    pages_n = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 3 <= pages_n <= 14
    page.close()

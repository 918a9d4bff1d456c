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

from pulse.config.report import ReportPolicy
from pulse.core.home import Home
from pulse.reports import Community, LostVersion, ReportFiles, write_report
from report_samples import AUTHOR, BUILT_AT, MONTH, NAUGHTY, kpi_rows, month_of_marts

pytestmark = pytest.mark.integration

WIDTHS_PX = (1280, 390, 360)
# What a report of seven communities may ask of whoever reads it: with all folds closed, and with all open.
MOST_WORDS, MOST_CHARTS = (1_200, 3_000), (12, 30)
LEAST_FILLED = 0.6  # of each printed page but the last
QUOTE = "Somebody's very own sentence"
COMMUNITIES_N = len(NAUGHTY) + 6
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What is published of the first days of the month, so that a strip has each state.
STATES = (
    "posts = null, comments = null, is_day_complete = false, outcome = null",
    "is_day_complete = false, outcome = 'partial'",
    "posts = 0, comments = 0, outcome = 'empty'",
    "posts = 0, comments = 0, outcome = 'empty', is_silent_everywhere = true",
)

# What sticks out to the right, without what is hidden on purpose.
STICKING_OUT = """
() => [...document.querySelectorAll('body *')]
    .filter(e => e.checkVisibility() && !e.closest('.skip, thead'))
    .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(e => e.outerHTML.slice(0, 120))
"""
ALL_OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
# Words as they are seen, those in charts included, and all drawings.
SEEN = """
() => [
    document.body.innerText.split(/\\s+/).filter(Boolean).length,
    [...document.querySelectorAll('svg')].filter(e => e.checkVisibility()).length,
]
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
() => [...document.querySelectorAll('.panel, .card, .turns li, tr')]
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
    """A month whose most active communities, and whose people, mean harm, and are quoted."""
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
        files = write_report(
            home, MONTH, of_all + kpis, lost=lost, connection=connection, policy=ReportPolicy(quotes=True),
            clock=lambda: BUILT_AT,
        )  # fmt: skip
    return files.page.as_uri()


def seven(home: Home, *, only: Community | None = None) -> ReportFiles:
    """A month of seven communities of which everything is known that can be, quoted."""
    names = ["tea", "trail_feet_ul", "crumb club", "inkandnib", "balconygreens", "shutterattic", "nightridelamps"]
    kpis = kpi_rows("*") + [row for place, name in enumerate(names) for row in kpi_rows(name, size=1 / (1 + place))]
    with month_of_marts(names, quote=QUOTE) as connection:
        return write_report(
            home, MONTH, kpis, connection=connection, policy=ReportPolicy(quotes=True), only=only,
            clock=lambda: BUILT_AT,
        )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    return seven(Home(tmp_path_factory.mktemp("seven")).create()).page.as_uri()


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
    page.evaluate(ALL_OPEN)
    assert page.evaluate(STICKING_OUT) == []
    strips = page.locator(".strips .strip")
    assert strips.count() == COMMUNITIES_N
    assert strips.first.locator("i").count() == MONTH.last_day.day
    assert 150 < strips.first.bounding_box()["width"] <= width_px
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


def test_report__of_seven_communities_is_one_that_is_read(browser: Any, whole: str):
    page = opened(browser, whole).page
    closed = page.evaluate(SEEN)
    page.evaluate(ALL_OPEN)
    unfolded = page.evaluate(SEEN)
    assert 500 < closed[0] <= MOST_WORDS[0]
    assert 3 < closed[1] <= MOST_CHARTS[0]
    assert closed[0] < unfolded[0] <= MOST_WORDS[1]
    assert closed[1] < unfolded[1] <= MOST_CHARTS[1]
    page.close()


def test_report__begins_with_what_to_do_and_ends_with_how_complete_it_is(browser: Any, whole: str):
    page = opened(browser, whole).page
    headings = page.locator("main h2").all_inner_texts()
    assert headings == [
        "What to do", "The month in figures", "How people feel", "What people ask for and talk about",
        "Who takes part", "Promotions", "What worked", "When to post", "How complete is this?",
    ]  # fmt: skip
    assert page.locator("#month .card").count() == 5
    assert page.locator("#do li").first.bounding_box()["y"] < 400, "seen without scrolling"
    page.close()


def test_report__of_one_community_is_shorter_and_fits_as_well(browser: Any, tmp_path: Path):
    files = seven(Home(tmp_path).create(), only=Community("reddit", "tea"))
    for width_px in WIDTHS_PX:
        watched = opened(browser, files.page.as_uri(), width_px=width_px)
        assert watched.page.evaluate(SEEN)[0] <= MOST_WORDS[0]
        watched.page.evaluate(ALL_OPEN)
        words_n, charts_n = watched.page.evaluate(SEEN)
        assert words_n < 2_000
        assert charts_n <= MOST_CHARTS[0]
        assert watched.page.evaluate(STICKING_OUT) == []
        assert watched.complaints == []
        watched.page.close()


def printed(page: Any, file: Path) -> Any:
    """The page on paper."""
    import pypdfium2

    file.write_bytes(page.pdf(prefer_css_page_size=True))
    return pypdfium2.PdfDocument(file)


def filled(page: Any) -> float:
    """Down to which share of its height something stands on a page."""
    pixels = page.render(scale=0.5, grayscale=True).to_numpy()
    return float(max(number for number, row in enumerate(pixels) if row.min() < 200) / pixels.shape[0])


@pytest.mark.parametrize("which", ["whole", "address"])
def test_paper__has_full_pages(browser: Any, request: pytest.FixtureRequest, which: str, tmp_path: Path):
    page = opened(browser, request.getfixturevalue(which)).page
    document = printed(page, tmp_path / "report.pdf")
    shares = [filled(one) for one in document]
    assert 2 <= len(shares) <= 6
    assert min(shares[:-1]) >= LEAST_FILLED, shares
    page.close()


def test_paper__carries_no_text_of_people_and_only_addresses_of_ids(browser: Any, whole: str, tmp_path: Path):
    page = opened(browser, whole).page
    page.evaluate(ALL_OPEN)
    assert QUOTE in page.locator("main").inner_text(), "on the page it is quoted"
    document = printed(page, tmp_path / "report.pdf")
    text = " ".join(" ".join(one.get_textpage().get_text_range().split()) for one in document)
    assert "What to do" in text
    assert "How complete is this?" in text
    for word in ("very own sentence", AUTHOR, "All figures", "my_words_in_an_address"):
        assert word not in text, word
    addresses = set(re.findall(rb"/URI \((http[^)]*)\)", (tmp_path / "report.pdf").read_bytes()))
    assert addresses == {b"https://www.reddit.com/comments/a0/_/", b"https://example.org/t/11/1"}
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mail__shows_in_any_width_without_a_script_or_a_request(browser: Any, tmp_path: Path, scheme: str):
    files = seven(Home(tmp_path).create())
    for width_px in WIDTHS_PX:
        watched = opened(browser, files.mail.as_uri(), width_px=width_px, scheme=scheme)
        assert watched.page.evaluate(STICKING_OUT) == []
        assert watched.page.evaluate(FAINT_TEXTS)["faint"] == []
        assert watched.requests == [files.mail.as_uri()]
        assert watched.complaints == []
        watched.page.close()


def test_paper__gets_a_light_page_of_whole_charts_without_what_only_a_screen_can_use(browser: Any, address: str):
    page = opened(browser, address, scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(FAINT_TEXTS)["faint"] == []
    assert page.locator("details").first.is_hidden()
    assert page.locator(".quotes").first.is_hidden()
    assert page.evaluate(CUT_IN_TWO) == []
    page.close()

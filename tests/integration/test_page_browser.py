"""The page as a browser shows it: on a desk and a phone, in light and dark, by keyboard; by itself, and harmless.

Needs Chromium from the system (Debian: ``apt-get install chromium``); skips without.
"""

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

import page_samples as samples
from page_samples import ADA, LOAD_WITH_KEPT_ROWS, RUN, STOPPED_DAY, STOPPED_LOAD, Asked
from pulse.page.app import create_app
from report_samples import NAUGHTY

pytestmark = pytest.mark.integration

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOOKS = tuple((width_px, scheme) for width_px in (1280, 390) for scheme in ("light", "dark"))
TEA = "platform=reddit&community=tea"
HOSTILE = urlencode({"platform": "reddit", "community": NAUGHTY[0]})
VIEWS = (
    "", "year", f"day?{TEA}&day={STOPPED_DAY}", f"day?{HOSTILE}&day={STOPPED_DAY}", "loads", "loads?all=1", "rules",
    f"load?id={STOPPED_LOAD}", f"load?id={LOAD_WITH_KEPT_ROWS}", f"marts-check?run={RUN}", f"lines?load={STOPPED_LOAD}",
    "communities", f"community?{TEA}", f"community?{HOSTILE}", "months", "month?month=2026-10", "brands", "query",
)  # fmt: skip
# What sticks out to the right, without what scrolls inside its own box.
STICKING_OUT = """
() => document.documentElement.scrollWidth > document.documentElement.clientWidth
    ? [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.scroll, .wide, .hidden, .skip, header nav'))
        .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map(e => e.outerHTML.slice(0, 120))
    : []
"""


@dataclass
class Watched:
    """A page, and all that it did besides showing itself."""

    page: Any
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def goes_to(self, path: str) -> None:
        """Open a view, and forget what was watched before."""
        self.requests.clear()
        self.complaints.clear()
        self.page.goto(f"{self.address}/{path}")
        self.page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, asked: Asked) -> Iterator[str]:
    """The page served on this machine."""
    import uvicorn

    home = samples.published_home(tmp_path_factory.mktemp("page") / "home")
    samples.write_data_docs(home)
    report = home.reports / "2026-10"
    report.mkdir()
    (report / "report.html").write_text("<!doctype html><title>Report</title><p>The report</p>")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = create_app(home, samples.access_for([ADA], asked))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = threading.Thread(target=server.run, args=([listening],), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        serving.join()


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


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Any]:
    """Opens a page of a width and scheme, that says what it asks for and what goes wrong in it."""
    pages = []

    def open_(width_px: int = 1280, scheme: str = "light") -> Watched:
        page = browser.new_page(viewport={"width": width_px, "height": 900}, color_scheme=scheme)
        pages.append(page)
        watched = Watched(page, address)
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("console", lambda message: watched.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: watched.complaints.append(f"dialog: {dialog.message}"))
        return watched

    yield open_
    for page in pages:
        page.close()


@pytest.mark.parametrize(("width_px", "scheme"), LOOKS)
def test_view__shows_itself_and_asks_nobody_else(opened: Any, address: str, width_px: int, scheme: str):
    watched = opened(width_px, scheme)
    grounds = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}
    for path in VIEWS:
        watched.goes_to(path)
        assert watched.complaints == [], path
        assert watched.requests, "the test has to see something"
        assert not [url for url in watched.requests if not url.startswith((address, "data:"))], path
        assert watched.page.evaluate(STICKING_OUT) == [], path
        assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[scheme], path
        assert watched.page.locator("h1").count() == 1, path


@pytest.mark.parametrize(("width_px", "scheme"), LOOKS)
def test_view__keeps_nobody_out(opened: Any, width_px: int, scheme: str):
    """axe-core finds nothing serious."""
    from axe_playwright_python.sync_playwright import Axe

    watched, axe = opened(width_px, scheme), Axe()
    for path in VIEWS:
        watched.goes_to(path)
        # Frames are Data Docs and the report: no script runs in them, not even this one.
        found = axe.run(watched.page, options={"iframes": False}).response
        assert len(found["passes"]) > 10, "the test has to look at something"
        serious = [
            f"{one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]
        assert serious == [], path


def test_calendar__shows_all_its_days_on_a_screen(opened: Any):
    watched = opened()
    watched.goes_to("")
    assert watched.page.locator(".calendar thead th").count() == 36
    widths = "(() => { const of = document.querySelector('.calendar'); return [of.scrollWidth, of.clientWidth]; })()"
    needed_px, shown_px = watched.page.evaluate(widths)
    assert needed_px <= shown_px


def test_calendar__is_one_stop_for_the_tab_key_and_goes_on_by_arrows(opened: Any):
    watched = opened()
    watched.goes_to("")
    page = watched.page
    assert page.locator("a.day[tabindex='0']").count() == 1
    page.locator("a.day[tabindex='0']").focus()
    first = page.evaluate("document.activeElement.href")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.href")
    assert second != first
    assert "day=2026-10-30" in second
    page.keyboard.press("Enter")
    page.wait_for_load_state()
    assert page.locator("h1").inner_text().endswith("30 October 2026")


def test_release__is_asked_for_in_a_dialog(opened: Any, asked: Asked):
    watched = opened(390, "dark")
    watched.goes_to(f"load?id={STOPPED_LOAD}")
    page = watched.page
    assert not page.locator("dialog").is_visible()
    page.get_by_role("button", name="Release this load").click()
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    page.get_by_role("button", name="Release this load").click()
    page.get_by_label("quarantined_share").check()
    page.get_by_label("Why").fill("looked at it")
    page.get_by_role("button", name="Ask for the release").click()
    page.wait_for_load_state()
    assert page.get_by_role("status").inner_text().startswith("The release was asked for")
    assert [one.waived for one in asked] == [("quarantined_share",)]
    assert watched.complaints == []


def test_query__runs_and_shows_hostile_texts_as_texts(opened: Any, address: str):
    watched = opened()
    watched.goes_to("query")
    page = watched.page
    page.get_by_role("button", name="Posts and comments by week").click()
    assert "fct_community_weekly" in page.locator("#sql").input_value()
    page.locator("#sql").fill("select distinct community from marts.fct_community_daily order by all")
    page.keyboard.press("Control+Enter")
    page.get_by_role("region", name="Rows").wait_for()
    texts = page.get_by_role("region", name="Rows").inner_text()
    assert NAUGHTY[0] in texts
    page.get_by_label("Find a table or column").fill("score_vs_usual")
    shown = page.locator("#dictionary details:visible summary").all_inner_texts()
    assert "marts.fct_posting_heatmap" in shown
    assert "marts.fct_contributions" not in shown
    assert watched.complaints == []
    assert not [url for url in watched.requests if not url.startswith((address, "data:"))]


def test_query__gives_files(opened: Any):
    watched = opened()
    watched.goes_to("query")
    watched.page.locator("#sql").fill("select 1 as one")
    with watched.page.expect_download() as download:
        watched.page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "rows.csv"


def test_page__in_a_frame_follows_the_light_and_dark_of_its_shell(opened: Any, address: str):
    watched = opened(1280, "light")
    watched.goes_to("brands")
    page = watched.page
    page.evaluate(
        """() => {
            document.documentElement.className = 'dark'
            document.body.innerHTML = ''
            const frame = document.createElement('iframe')
            frame.src = 'months'
            document.body.append(frame)
        }"""
    )
    frame = page.frame_locator("iframe")
    frame.locator("html[data-theme='dark']").wait_for()
    page.evaluate("document.documentElement.className = 'light'")
    frame.locator("html[data-theme='light']").wait_for()

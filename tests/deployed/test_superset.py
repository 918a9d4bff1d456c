"""The dashboard as `make superset` starts it over a published file, in a browser, held against SQL: `make test-bi`.

Marts of a few rows by hand, published as a run does it: a community that is whole, one of which a week is missing, and
names that mean harm.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from deployed.ports import free_ports
from pulse.core.files import sql_text
from pulse.core.home import REPOSITORY, Home
from pulse.lake import kpi_store, quality
from pulse.warehouse import published_file
from report_samples import NAUGHTY, kpi_rows, marts

pytestmark = pytest.mark.deployed

PYTHON = REPOSITORY / ".venv" / "superset" / "bin" / "python"
SERVE = REPOSITORY / "config" / "superset" / "serve.py"
SCREENSHOT = REPOSITORY / "build" / "superset" / "dashboard.png"
WEEKS = [date(2026, 9, 7) + timedelta(weeks=number) for number in range(4)]
COMMUNITIES = ("tea", "mate", NAUGHTY[0])
CHARTS = {
    "Published": "tbody td", "Contributions by week": "canvas", "Sentiment of one community by week": "canvas",
    "Sentiment by community and week, with its 95 % interval": "tbody td", "Activity by community and week": "tbody td",
    "KPIs by month": "tbody td",
}  # fmt: skip
OF_FROZEN_ROWS = ("version", "reported_at", "state_id")
# Names that paths, addresses and SQL could stumble over.
HOME_NAME = "it's {a} [b]* home, day=2020-01-01"


def weekly(*, posts: int) -> list[dict[str, Any]]:
    """Weeks of each community; of the last week of mate nobody knows anything."""
    return [
        {
            "platform": "reddit", "community": community, "week_start_date": week, "days_n": 7,
            "days_complete_n": 0 if is_lost else 7, "is_period_complete": not is_lost,
            "posts": None if is_lost else posts + number, "comments": None if is_lost else 10 * number,
            "contributors": None if is_lost else 5 + number, "caveat": "incomplete" if is_lost else None,
        }
        for community in COMMUNITIES
        for number, week in enumerate(WEEKS)
        for is_lost in [community == "mate" and week == WEEKS[-1]]
    ]  # fmt: skip


def felt() -> list[dict[str, Any]]:
    return [
        {
            "platform": "reddit", "community": community, "week_start_date": week, "model_id": "model-1",
            "contributions": 40 + number, "scored_n": 40 + number, "mean_sentiment_score": 0.1 + number / 7,
            "mean_sentiment_score_low": number / 7, "mean_sentiment_score_high": 0.2 + number / 7, "days_n": 7,
            "days_complete_n": 7 - number % 2, "is_period_complete": number % 2 == 0,
        }
        for community in COMMUNITIES
        for number, week in enumerate(WEEKS)
    ]  # fmt: skip


def publish(home: Home, *, posts: int, at: datetime) -> str:
    """A state of the marts, in place of what is published; its id."""
    state_id = f"{at:%Y%m%dT%H%M%S}000000Z"
    draft = home.published / "draft.duckdb"
    kpis = [
        {name: value for name, value in row.items() if name not in OF_FROZEN_ROWS}
        for community in ("*", "tea", "mate")
        for row in kpi_rows(community)
    ]
    rows = {"fct_community_weekly": weekly(posts=posts), "fct_sentiment_weekly": felt(), "fct_kpis_monthly": kpis}
    with contextlib.closing(marts(rows)) as made:
        made.execute(f"attach {sql_text(draft)} as draft")
        made.execute("copy from database memory to draft")
    published_file.complete(draft, home, state_id=state_id, published_at=at)
    draft.rename(home.published_file)
    return state_id


@dataclass
class Served:
    """Superset over a home.

    Attributes:
        lines: what it said until it listened.
    """

    home: Home
    process: "subprocess.Popen[str]"
    address: str
    lines: list[str]

    @property
    def password(self) -> str:
        return (self.home.root / "superset" / "admin_password").read_text()

    def asked(self, sql: str) -> list[tuple[Any, ...]]:
        """What is published says."""
        with duckdb.connect(str(self.home.published_file), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(sql).fetchall()


@dataclass
class Seen:
    """A page after the login, with the answers that it got and all that it complained of."""

    page: Any
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def hear_answer(self, response: Any) -> None:
        if "/api/v1/chart/data" in response.url and response.request.method == "POST":
            form = json.loads(response.request.post_data)["form_data"]
            if form.get("slice_id"):
                self.answers[str(form["slice_id"])] = response.json() | {"viz_type": form["viz_type"]}

    def open(self, path: str) -> None:
        """The dashboard with all its charts drawn."""
        self.answers.clear()
        self.page.goto(path)
        for title, drawn_as in CHARTS.items():
            self.page.locator(f'[data-test-chart-name="{title}"] {drawn_as}').first.wait_for()
        self.page.wait_for_load_state("networkidle")

    def table(self, title: str) -> list[list[str]]:
        """The rows of a table as they are shown, up to the end of its first page; what scrolls has a heading apart."""
        rows = self.page.locator(f'[data-test-chart-name="{title}"] table').last
        return rows.evaluate(
            "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not PYTHON.exists():
        pytest.skip("Superset is not installed: `make test-bi` does it")
    home = Home(tmp_path_factory.mktemp("superset") / HOME_NAME).create()
    quality.ensure_tables(home)
    kpi_store.ensure_tables(home)
    publish(home, posts=100, at=datetime(2026, 10, 5, 0, 30, tzinfo=UTC))
    (port,) = free_ports(1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE", "PYTEST"))}
    process = subprocess.Popen(
        [str(PYTHON), str(SERVE), "--port", str(port)], env=environment | {"PULSE_HOME": str(home.root)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Listening at" in line:
                break
        else:
            pytest.fail("".join(lines[-30:]))
        yield Served(home, process, f"http://127.0.0.1:{port}", lines)
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def seen(served: Served) -> Iterator[Seen]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium here: `apt-get install chromium` brings it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        page = browser.new_page(viewport={"width": 1400, "height": 2600}, base_url=served.address)
        page.set_default_timeout(180_000)
        seen = Seen(page)
        page.on("response", seen.hear_answer)
        page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: seen.complaints.append(f"dialog: {dialog.message}"))
        page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
        page.on("requestfinished", lambda request: seen.elsewhere.append(request.url))
        page.goto("/login/")
        page.locator("[data-test=username-input]").press_sequentially("admin")
        page.locator("[data-test=password-input]").press_sequentially(served.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/welcome/")
        seen.open("/superset/dashboard/community-pulse/")
        yield seen
        browser.close()


def shown(value: object) -> str:
    """As a table shows it: without the tags, where it looks like HTML."""
    return "N/A" if value is None else re.sub("</?script>", "", str(value))


def test_tables__show_what_the_marts_hold(served: Served, seen: Seen):
    expected = served.asked(
        "select platform || '/' || community as name, strftime(week_start_date, '%Y-%m-%d'), posts, comments, "
        "messages, contributors, days_complete_n, days_n, caveat "
        "from marts.fct_community_weekly order by week_start_date desc, name"
    )
    assert len(expected) == len(COMMUNITIES) * len(WEEKS)
    assert seen.table("Activity by community and week") == [list(map(shown, row)) for row in expected]
    lost = ["reddit/mate", "2026-09-28", "N/A", "N/A", "N/A", "N/A", "0", "7", "incomplete"]
    assert lost in seen.table("Activity by community and week"), "not known is not zero"
    expected = served.asked(
        "select platform || '/' || community as name, strftime(week_start_date, '%Y-%m-%d'), "
        "format('{:+.3f}', mean_sentiment_score), format('{:+.3f}', mean_sentiment_score_low), "
        "format('{:+.3f}', mean_sentiment_score_high), scored_n, days_complete_n, days_n, caveat "
        "from marts.fct_sentiment_weekly order by week_start_date desc, name"
    )
    assert seen.table("Sentiment by community and week, with its 95 % interval") == [
        list(map(shown, row)) for row in expected
    ]
    expected = served.asked(
        "select strftime(month_start_date, '%Y-%m') as month, platform || '/' || community as name, kpi, unit, "
        "format('{:.0f}%', 100 * completeness), caveat "
        "from marts.fct_kpis_monthly order by month desc, name, kpi limit 50"
    )
    rows = seen.table("KPIs by month")
    assert [[*row[:3], *row[4:7]] for row in rows] == [list(map(shown, row)) for row in expected]
    values = served.asked(
        "select value from marts.fct_kpis_monthly "
        "order by month_start_date desc, platform || '/' || community, kpi limit 50"
    )
    for row, (value,) in zip(rows, values, strict=True):
        assert row[3] == "N/A" if value is None else float(row[3].replace(",", "")) == pytest.approx(value, abs=1e-4)


def test_charts__draw_what_the_marts_hold(served: Served, seen: Seen):
    by_kind = {answer["viz_type"]: answer["result"][0] for answer in seen.answers.values()}
    bars, line = by_kind["echarts_timeseries_bar"], by_kind["echarts_timeseries_line"]
    (of_one,) = re.findall(r"WHERE (platform .+?) GROUP BY", line["query"])
    expected = served.asked(
        "select strftime(week_start_date, '%Y-%m-%d') as week, mean_sentiment_score, mean_sentiment_score_low, "
        f"mean_sentiment_score_high from marts.fct_sentiment_weekly where {of_one}"
    )
    names = ("week", "sentiment", "sentiment__yhat_lower", "sentiment__yhat_upper")
    drawn = {row["week"]: [row[name] for name in names[1:]] for row in line["data"]}
    assert drawn == {week: pytest.approx(figures) for week, *figures in expected}
    expected = served.asked(
        "select strftime(week_start_date, '%Y-%m-%d'), platform || '/' || community || "
        "case when is_period_complete then '' else ' (incomplete weeks)' end, sum(contributions) "
        "from marts.fct_sentiment_weekly group by all"
    )
    stacked = {
        (row["week"], name): value
        for row in bars["data"]
        for name, value in row.items()
        if name != "week" and value is not None
    }
    assert stacked == {(week, name): contributions for week, name, contributions in expected}


def test_page__shows_itself_and_asks_nobody_else(served: Served, seen: Seen):
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    seen.page.screenshot(path=SCREENSHOT)
    assert seen.page.locator("text=Unexpected error").count() == 0
    # Superset's pages ask scarf.sh who looks, whatever is set; the policy that we send does not let them.
    assert not [said for said in seen.complaints if "scarf.sh" not in said or "has been blocked" not in said]
    assert seen.elsewhere, "the test has to see something"
    assert not [url for url in seen.elsewhere if not url.startswith((served.address, "data:", "blob:"))]


def post_sql(served: Served, seen: Seen, sql: str) -> tuple[int, str]:
    """A statement as SQL Lab sends it."""
    token = seen.page.request.get("/api/v1/security/csrf_token/").json()["result"]
    answer = seen.page.request.post(
        "/api/v1/sqllab/execute/",
        data={"database_id": 1, "sql": sql, "runAsync": False, "client_id": f"test{abs(hash(sql)) % 10**6}"},
        headers={"X-CSRFToken": token, "Referer": served.address},
    )
    return answer.status, answer.text()


def test_sql_lab__reads_what_is_published_and_nothing_else(served: Served, seen: Seen, tmp_path: Path):
    status, text = post_sql(served, seen, "select max(posts) as posts_max from marts.fct_community_weekly")
    assert (status, json.loads(text)["data"]) == (200, [{"posts_max": 103}])
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cr3t-of-the-app")
    for sql in (
        "create table marts.mine as select 1 as a",
        "update marts.fct_community_weekly set posts = 0",
        f"select content from read_text('{secret}')",
        f"attach '{tmp_path / 'other.duckdb'}'",
        "set enable_external_access = true",
    ):
        status, text = post_sql(served, seen, sql)
        assert status >= 400, sql
        assert "s3cr3t-of-the-app" not in text
    assert not (tmp_path / "other.duckdb").exists()


def test_new_state__is_shown_at_the_next_look(served: Served, seen: Seen):
    (before,) = seen.table("Published")
    state_id = publish(served.home, posts=500, at=datetime(2026, 10, 6, 0, 30, tzinfo=UTC))
    assert before != [state_id, "2026-10-06 00:30:00"]
    seen.open("/superset/dashboard/community-pulse/")
    assert seen.table("Published") == [[state_id, "2026-10-06 00:30:00"]]
    posts = {row[2] for row in seen.table("Activity by community and week")}
    assert posts == {"500", "501", "502", "503", "N/A"}


def test_columns__say_what_they_mean(served: Served, seen: Seen):
    """Superset knows the descriptions of the models, which are in the published file."""
    found = seen.page.request.get("/api/v1/dataset/?q=(page_size:100)").json()["result"]
    (dataset,) = [one for one in found if one["table_name"] == "fct_sentiment_weekly"]
    columns = seen.page.request.get(f"/api/v1/dataset/{dataset['id']}").json()["result"]["columns"]
    told = {column["column_name"]: column["description"] for column in columns if not column["expression"]}
    expected = dict(
        served.asked("select column_name, comment from duckdb_columns() where table_name = 'fct_sentiment_weekly'")
    )
    assert told == expected
    assert all(expected.values())


def test_server__keeps_its_secrets_and_ends_when_told(served: Served, seen: Seen):
    """The last test here: the server is gone after it."""
    folder = served.home.root / "superset"
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("secret_key", "admin_password"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    assert re.search(
        rf"Superset is at {served.address}/superset/dashboard/community-pulse/  user admin", "".join(served.lines)
    )
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=60) == 0


def test_home__without_anything_published_is_named(tmp_path: Path):
    if not PYTHON.exists():
        pytest.skip("Superset is not installed: `make test-bi` does it")
    answer = subprocess.run(
        [str(PYTHON), str(SERVE)],
        env=os.environ | {"PULSE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("superset: PULSE_HOME: nothing is published in ")
    assert "Next: " in answer.stderr
    assert list(tmp_path.iterdir()) == []

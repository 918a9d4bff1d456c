"""`pulse show`: one community's windows, from a published file of few rows that can be reckoned by hand."""

import json
from datetime import date

import duckdb
import pytest
from typer.testing import CliRunner

from pulse.cli.app import app
from pulse.core.home import Home
from pulse.reading.recent import Recent, recent

pytestmark = pytest.mark.integration

MARTS = """
create schema marts;
create table marts.fct_community_daily as
select 'reddit' as platform, community, date '2026-07-01' + cast(n as integer) as contribution_date,
    case when n < 9 then 2 end as posts, case when n < 9 then 3 end as comments, cast(null as bigint) as messages,
    case when n < 9 then 1 else 0 end as removed, n < 8 as is_day_complete, n < 8 as is_comments_complete
from (values ('Tea'), ('mate')) as c (community), range(12) as r (n);
create table marts.fct_contributions as
with posts as (
    select n, 'p' || n as id, timestamptz '2026-07-01 20:00:00+00' + to_days(cast(n as integer)) as posted
    from range(9) as r (n)
)
select 'reddit' as platform, 'Tea' as community, id as contribution_id, id as thread_id, 'post' as kind,
    'asker' as author_key, 'member' as author_role, posted as created_at,
    cast(posted as date) as contribution_date,
    case when n % 2 = 0 then 0.5 else -0.1 end as sentiment_score
from posts
union all
-- Of nine posts every third is answered by a person within the day, one by its own author, one by a program, one late.
select 'reddit', 'Tea', 'c' || id, id, 'comment',
    case when n = 1 then 'asker' else 'helper' || n end, case when n = 2 then 'bot' else 'member' end,
    posted + to_hours(case when n = 4 then 25 else 23 end), cast(posted + to_hours(23) as date), null
from posts where n % 3 = 0 or n in (1, 2, 4);
"""


@pytest.fixture
def published(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    home.published_file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(home.published_file) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(MARTS)
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    return home


def windows_of(home: Home) -> dict[int, Recent]:
    name, windows = recent(home, "reddit/TEA")
    assert name == "reddit/Tea"
    return {window.days: window for window in windows}


def test_windows__end_on_the_last_day_that_was_looked_at(published: Home):
    windows = windows_of(published)
    assert list(windows) == [1, 7, 30, 365]
    assert {window.last_day for window in windows.values()} == {date(2026, 7, 9)}
    assert windows[7].first_day == date(2026, 7, 3)
    assert [windows[days].days_known for days in windows] == [1, 7, 9, 9]
    assert [windows[days].days_complete for days in windows] == [0, 6, 8, 8]
    assert [windows[days].posts for days in windows] == [2, 14, 18, 18]
    assert windows[30].messages is None, "nobody can see any"
    assert windows[30].removal_share == pytest.approx(9 / 45)


def test_windows__count_people_and_judge_with_an_interval(published: Home):
    month, day = windows_of(published)[30], windows_of(published)[1]
    assert month.people == 1 + len({0, 3, 6, 4}), "who answers; no program"
    assert month.scored_n == 9
    assert month.sentiment == pytest.approx((5 * 0.5 - 4 * 0.1) / 9)
    half = 1.96 * 0.31623 / 3
    assert month.sentiment_low == pytest.approx(month.sentiment - half, abs=1e-4)
    assert month.sentiment_high == pytest.approx(month.sentiment + half, abs=1e-4)
    assert (day.scored_n, day.sentiment, day.sentiment_low) == (1, pytest.approx(0.5), None)


def test_windows__ask_for_answers_only_where_both_days_are_known(published: Home):
    month = windows_of(published)[30]
    # The last two posts: comments of their own day, or of the next, were not looked at whole.
    assert month.posts_asked_n == 7
    assert month.answered_24h == pytest.approx(3 / 7), "nobody answers himself, programs do not count, late is late"
    assert (month.answered_24h_low, month.answered_24h_high) == (
        pytest.approx(0.1582, abs=1e-3),
        pytest.approx(0.7495, abs=1e-3),
    )
    assert (windows_of(published)[1].posts_asked_n, windows_of(published)[1].answered_24h) == (0, None)


def test_show__is_one_screen_and_says_what_it_rests_on(published: Home):
    done = CliRunner().invoke(app, ["show", "tea"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    for told in ("9, 8", "43 %", "16 to 75", "n = 7", "+0.23", "each to 2026-07-09, the last day looked at"):
        assert told in done.output
    assert len(done.output.splitlines()) <= 24
    assert max(map(len, done.output.splitlines())) <= 80
    told = json.loads(CliRunner().invoke(app, ["show", "tea", "--json"]).output)
    assert told["community"] == "reddit/Tea"
    assert [window["posts"] for window in told["windows"]] == [2, 14, 18, 18]


def test_show__of_whom_nothing_was_let_in_is_not_nobody(published: Home):
    with duckdb.connect(published.published_file) as connection:
        connection.execute(
            "insert into marts.fct_community_daily by name select 'reddit' as platform, 'lamps' as community, "
            "date '2026-07-01' as contribution_date, false as is_day_complete"
        )
    done = CliRunner().invoke(app, ["show", "Lamps"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "reddit/lamps: no day of it could be looked at" in done.stderr
    assert "pulse status" in done.stderr


@pytest.mark.parametrize("name", ["nobody", "reddit/nobody", "' or 1=1 --"])
def test_show__of_nobody_says_how_to_find_whom(name: str, published: Home):
    done = CliRunner().invoke(app, ["show", name])
    assert done.exit_code == 2
    assert "no such" in done.stderr
    assert "dim_communities" in done.stderr


def test_show__of_nothing_published_says_so(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULSE_HOME", str(home.root))
    done = CliRunner().invoke(app, ["show", "tea"])
    assert done.exit_code == 2
    assert "nothing is published yet" in done.stderr

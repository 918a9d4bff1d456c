"""The monthly KPIs of the made-up world through the real DAG: a whole month, one with days missing, and none at all."""

import csv
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner

from pulse.cli.app import app
from pulse.core.clock import utc_now
from pulse.kpi import Month
from pulse.lake import kpi_store
from pulse.orchestration import embedded
from pulse.reading import query
from pulse.reports.files import of_month

pytestmark = pytest.mark.integration

MAY, JUNE, JULY = (Month.parse(f"2026-0{number}") for number in (5, 6, 7))
SEEN_UP_TO = date(2026, 7, 10)


@dataclass(frozen=True)
class ClosedMonths:
    """Runs of ``kpi_monthly`` by month, and what each told the person who waits."""

    runs: dict[Month, embedded.RunResult]
    lines: dict[Month, list[str]]


@pytest.fixture(scope="module")
def closed(world_run: Any) -> ClosedMonths:
    """Closes months of the world; nothing else in its home changes by that."""
    assert world_run.world.last_day == SEEN_UP_TO
    found = ClosedMonths({}, {})
    with pytest.MonkeyPatch.context() as environment:
        # Tests before this one may have pointed elsewhere.
        environment.setenv("PULSE_HOME", str(world_run.home.root))
        environment.setenv("PULSE_CONFIG", str(world_run.config))
        environment.setenv("PULSE_AUTHOR_KEY", "key-for-tests-only")
        for month in (JUNE, JULY, MAY):
            lines: list[str] = []
            run = embedded.run_month(world_run.home, month, started_at=utc_now(), progress=lines.append)
            found.runs[month], found.lines[month] = run, lines
    return found


def states(run: embedded.RunResult) -> dict[str, str]:
    return {task.task_id: task.state for task in run.tasks}


def frozen(home: Any, month: Month) -> dict[tuple[str, str], dict[str, Any]]:
    """The month's figures by community and KPI."""
    return {(row["community"], row["kpi"]): row for row in kpi_store.figures(home, month, 1)}


# ---- a whole month ---------------------------------------------------------


def test_run__freezes_the_month_and_writes_its_report(world_run: Any, closed: ClosedMonths):
    run = closed.runs[JUNE]
    assert run.is_success, run.failed()
    assert states(run) == dict.fromkeys(("month", "freeze", "report", "notify"), "success")
    assert kpi_store.versions(world_run.home, JUNE) == [1]
    page = of_month(world_run.home, JUNE).page.read_text(encoding="utf-8")
    assert "emberwelltea" in page.lower()
    with of_month(world_run.home, JUNE).kpis_csv.open(encoding="utf-8", newline="") as opened:
        assert len(list(csv.DictReader(opened))) == len(kpi_store.figures(world_run.home, JUNE, 1))


def test_run__tells_that_the_month_is_closed_where_the_report_lies_and_who_is_not_complete(
    world_run: Any, closed: ClosedMonths
):
    lines = "\n".join(closed.lines[JUNE])
    assert "kpi: 2026-06: " in lines
    assert "frozen as version 1" in lines
    assert "days missing" not in lines, "every day of it was published"
    assert "reddit/nightridelamps: 0 of 30 days are complete" in lines
    (alert,) = [line for line in closed.lines[JUNE] if line.startswith("alert month_closed: 2026-06")]
    assert str(of_month(world_run.home, JUNE).page) in alert
    assert "/dags/kpi_monthly/runs/" in alert


def test_figures__are_the_planted_truth(world_run: Any, closed: ClosedMonths):
    figures = frozen(world_run.home, JUNE)
    communities = [one for one in world_run.world.truth.communities.values() if not one.is_feed_broken]
    told_n = 0
    for community in communities:
        days = [of_day for day, of_day in community.days.items() if day <= JUNE.last_day]
        if not days:
            continue
        wanted = {
            "posts": sum(day.posts for day in days),
            "comments": sum(day.comments for day in days),
            "likes": sum(day.score_sum for day in days),
        }
        found = {name: figures[community.community, name] for name in wanted}
        assert {name: row["value"] for name, row in found.items()} == wanted
        # The outage lies in this month: its zeros are in the counts, and it is named.
        assert {row["caveat"] for row in found.values() if row["days_complete_n"] == row["days_n"]} <= {
            "silent_everywhere"
        }
        mood = figures[community.community, "net_sentiment"]
        net = sum(day.positive_n - day.negative_n for day in days) / sum(
            day.positive_n + day.neutral_n + day.negative_n for day in days
        )
        # A model may be off on one text in two hundred.
        assert mood["value"] is None or mood["value"] == pytest.approx(net, abs=0.02)
        assert mood["value"] is None or mood["value_low"] <= mood["value"] <= mood["value_high"]
        told_n += 1
    assert told_n >= 3, "a comparison of nothing would pass"
    for name in ("posts", "comments", "likes"):
        parts = [row["value"] for (community, kpi), row in figures.items() if kpi == name and community != "*"]
        assert figures["*", name]["value"] == sum(part for part in parts if part is not None)


def test_figures__a_community_that_never_arrived_has_no_value_and_says_so(world_run: Any, closed: ClosedMonths):
    rows = [row for (community, _), row in frozen(world_run.home, JUNE).items() if community == "nightridelamps"]
    assert len(rows) >= 15
    assert {row["value"] for row in rows} == {None}
    assert {row["completeness"] for row in rows} == {0.0}
    assert all("incomplete" in row["caveat"] for row in rows)


def test_figures__of_july_compare_with_june(world_run: Any, closed: ClosedMonths):
    june, july = (frozen(world_run.home, month) for month in (JUNE, JULY))
    before, now = june["emberwelltea", "posts"], july["emberwelltea", "posts"]
    assert now["value_month_before"] == before["value"] > 0
    assert now["change_month_before"] == now["value"] - before["value"]
    assert now["change_month_before_share"] == pytest.approx(now["value"] / before["value"] - 1)
    assert (before["value_month_before"], now["value_year_before"]) == (None, None)
    # A count changes day for day, and a handful of days do not tell; a share has the errors of both months.
    assert min(before["days_complete_n"], now["days_complete_n"]) < 14
    assert (before["change"], now["change"], now["is_change_clear"]) == (None, None, None)
    mood = july["emberwelltea", "net_sentiment"]
    assert mood["change"] == pytest.approx(mood["change_month_before"])
    assert mood["change_low"] < mood["change"] < mood["change_high"]
    assert mood["is_change_clear"] is (not mood["change_low"] <= 0 <= mood["change_high"])
    assert july["emberwelltea", "new_contributors"]["value"] is None
    assert "left_censored" in july["emberwelltea", "new_contributors"]["caveat"]
    assert july["emberwelltea", "net_sentiment"]["change_month_before"] is not None
    assert july["emberwelltea", "net_sentiment"]["change_month_before_share"] is None


# ---- again, by hand --------------------------------------------------------


def test_report_command__rebuilds_the_report_of_what_is_frozen(in_world: Any, closed: ClosedMonths):
    def files() -> dict[str, bytes]:
        return {str(file): file.read_bytes() for file in in_world.home.kpi.rglob("*.parquet")}

    before, page = files(), of_month(in_world.home, JUNE).page
    page.unlink()
    for arguments in (["2026-06"], ["2026-06", "--again"]):
        done = CliRunner().invoke(app, ["report", *arguments])
        assert done.exit_code == 0, done.output
        assert str(page) in done.stdout.replace("\n", "")
    assert "nothing has changed" in done.stdout
    assert page.is_file()
    assert files() == before


@pytest.mark.parametrize(
    ("month", "status", "words"),
    [
        ("2026-05", 1, "pulse backfill --from 2026-05-01 --to 2026-05-31"),
        ("2999-01", 2, "the month must be over"),
        ("June", 2, "a month as YYYY-MM"),
    ],
)
def test_report_command__refuses_in_one_line(in_world: Any, month: str, status: int, words: str):
    done = CliRunner().invoke(app, ["report", month])
    assert (done.exit_code, done.stderr.count("\n")) == (status, 1), done.output
    assert words in done.stderr
    assert "Next: " in done.stderr


def test_sql__shows_the_frozen_kpis(in_world: Any, closed: ClosedMonths):
    rows = query.all_rows(
        in_world.home,
        "select now.month_start_date, now.value = first.value, now.value = mart.value "
        "from kpi.kpi_as_now_known as now "
        "join kpi.kpi_as_first_reported as first using (month_start_date, platform, community, kpi) "
        "join marts.fct_kpis_monthly as mart using (month_start_date, platform, community, kpi) "
        "where community = 'emberwelltea' and kpi = 'posts' order by all",
    )
    assert rows == [(JUNE.first_day, True, True), (JULY.first_day, True, True)]


# ---- months with days missing, and none at all -----------------------------


def test_run__of_an_incomplete_month_names_the_missing_days_in_log_and_report(world_run: Any, closed: ClosedMonths):
    run = closed.runs[JULY]
    assert run.is_success, run.failed()
    lines = "\n".join(closed.lines[JULY])
    assert "days missing: 2026-07-11 to 2026-07-31" in lines
    assert "reddit/emberwelltea: 10 of 31 days are complete" in lines
    page = of_month(world_run.home, JULY).page.read_text(encoding="utf-8")
    assert "11 to 31 July" in page
    row = frozen(world_run.home, JULY)["emberwelltea", "posts"]
    assert (row["days_n"], row["days_complete_n"], row["caveat"]) == (31, 10, "incomplete")
    assert row["completeness"] == pytest.approx(10 / 31)


def test_run__of_a_month_without_figures_fails_at_once_and_tells_what_to_run(world_run: Any, closed: ClosedMonths):
    run = closed.runs[MAY]
    assert not run.is_success
    assert states(run)["freeze"] == "failed"
    assert [task.task_id for task in run.failed()] == ["freeze"]
    assert kpi_store.versions(world_run.home, MAY) == []
    (alert,) = [line for line in closed.lines[MAY] if line.startswith("alert month_not_closed")]
    assert "pulse backfill --from 2026-05-01 --to 2026-05-31" in alert
    assert "/dags/kpi_monthly/runs/" in alert
